"""The other web servers: started like webserver.Nginx, with the same locations and the same users."""

import http.client
import subprocess

import where
from webserver import OPENID_HEADER, USER_HEADER, Answer, Nginx, free_port, wait_until_it_answers

LIGHTTPD_CONF = """
server.modules = ("mod_setenv", "mod_magnet", "mod_accesslog", "mod_fastcgi")
server.document-root = "%(folder)s"
server.bind = "127.0.0.1"
server.port = %(port)d
%(user)s
server.upload-dirs = ("%(folder)s")
server.errorlog = "%(folder)s/lighttpd.err"
accesslog.filename = "%(folder)s/lighttpd-access.txt"
accesslog.format = "%%h %%t %%m %%U %%>s"
magnet.attract-raw-url-to = ("%(folder)s/users.lua")
fastcgi.server = (
%(backends)s
)
%(locations)s
"""

# What a login of lighttpd's own would find out.
USERS_LUA = """
local r = lighty.r
r.req_env["BENREN_USER"] = r.req_header["%s"]
r.req_env["BENREN_OPENID"] = r.req_header["%s"]
""" % (USER_HEADER, OPENID_HEADER)

APACHE_CONF = """
ServerRoot "%(folder)s"
ServerName example.com
DefaultRuntimeDir "%(folder)s"
PidFile "%(folder)s/apache.pid"
Listen 127.0.0.1:%(port)d
%(user)s
ErrorLog "%(folder)s/apache.err"
%(modules)s
LogFormat "%%h %%t %%m %%U %%>s" benren
CustomLog "%(folder)s/apache-access.txt" benren
DocumentRoot "%(folder)s"
# or Apache answers TRACE itself, with the client's cookies and token in the body
TraceEnable Off
SetEnvIf %(user_header)s "^(.+)$" BENREN_USER=$1
SetEnvIf %(openid_header)s "^(.+)$" BENREN_OPENID=$1
%(locations)s
"""

APACHE_MODULES = ("mpm_event", "authz_core", "setenvif", "proxy", "proxy_fcgi")


class Server:
    """One process that ends by TERM."""

    def __init__(self, folder, errors, command):
        self.errors = folder / errors
        # Apache ends its whole process group
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
        wait_until_it_answers(self)

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=20)


class Lighttpd(Server):
    def __init__(self, folder, pool_socket, apps, root):
        self.port = free_port()
        backend = '\t"/%s" => (( "socket" => "' + pool_socket + '", "check-local" => "disable" ))'
        location = '$HTTP["url"] =~ "^/%s/" { setenv.set-environment = ("BENREN_APPID" => "%s") }'
        (folder / "users.lua").write_text(USERS_LUA)
        (folder / "lighttpd.conf").write_text(LIGHTTPD_CONF % {
            "folder": folder, "port": self.port, "user": 'server.username = "www-data"' if root else "",
            "backends": ",\n".join(backend % name for name in ["face", *(app.name for app in apps)]),
            "locations": "\n".join(location % (app.name, app.appid) for app in apps)})
        for log in ("lighttpd.err", "lighttpd-access.txt"):
            (folder / log).touch()
            (folder / log).chmod(0o666)
        super().__init__(folder, "lighttpd.err",
                         [where.tool("lighttpd"), "-D", "-f", str(folder / "lighttpd.conf")])


class Apache(Server):
    def __init__(self, folder, pool_socket, apps, root):
        self.port = free_port()
        handler = ('<Location "/%s">\nSetHandler "proxy:unix:' + pool_socket + '|fcgi://benren/"\n'
                   'CGIPassAuth On\n%s\n</Location>')
        appid = 'SetEnvIf Request_URI "^/" BENREN_APPID=%s'
        (folder / "apache.conf").write_text(APACHE_CONF % {
            "folder": folder, "port": self.port, "user": "User www-data\nGroup www-data" if root else "",
            "user_header": USER_HEADER, "openid_header": OPENID_HEADER,
            "modules": "\n".join("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so" % (m, m)
                                 for m in APACHE_MODULES),
            "locations": "\n".join([handler % ("face", "")] +
                                   [handler % (app.name, appid % app.appid) for app in apps])})
        super().__init__(folder, "apache.err",
                         [where.tool("apache2"), "-DFOREGROUND", "-f", str(folder / "apache.conf")])


SERVERS = {"nginx": Nginx, "lighttpd": Lighttpd, "apache": Apache}


def call(port, method, path, headers=(), body=b"", source="127.0.0.1"):
    """With the headers just as they are, also twice; (status, headers, body) as they came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(source, 0))
    try:
        connection.putrequest(method, path)
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def ask(port, *request, **more):
    """The same, if benren must have answered."""
    return Answer(*call(port, *request, **more))
