"""Every web server that conf/ has a file for, started with that file.

A file is rewritten for this place only: ports, paths, the user, and its location once more
for each app.  Each replacement must happen exactly once, so that a changed file is noticed.
"""

import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import where
import webserver
from webserver import OPENID_HEADER, USER_HEADER, Answer, free_port

CONF = where.ROOT / "conf"
AWAY = CONF / "benren-away.json"
ROOT = os.geteuid() == 0
APACHE_MODULES = pathlib.Path("/usr/lib/apache2/modules")

# Where a test asks for a person's name in no log: these files are never looked at by benren.
LOGS = ("*-access.txt", "*.web.err")


class Shipped:
    """A file of conf/ or spawn/ on its way to become one for this place."""

    def __init__(self, path):
        self.path = path
        self.text = path.read_text()

    def regex(self, pattern, by, text=None):
        changed, n = re.subn(pattern, lambda _: by, self.text if text is None else text, flags=re.S | re.M)
        assert n == 1, "%r stands %d times in %s" % (pattern, n, self.path)
        if text is None:
            self.text = changed
        return changed

    def replace(self, old, by, text=None):
        return self.regex(re.escape(old), by, text)

    def uncomment(self, line, by=None, text=None):
        """by: what stands there instead."""
        return self.regex(r"# *" + re.escape(line), line if by is None else by, text)

    def remove_line(self, start):
        """The whole line that begins so."""
        self.regex(r"^[ \t]*" + re.escape(start) + r".*?\n", "")

    def block(self, pattern):
        found = re.findall(pattern, self.text, re.S | re.M)
        assert len(found) == 1, "%r stands %d times in %s" % (pattern, len(found), self.path)
        return found[0]

    def copies(self, block, copies):
        """The block, and behind it the copies of it that were made for apps."""
        self.replace(block, block + "".join(copies))


class Server:
    """folder: of its own files; socket: where the workers are, or (host, port)."""

    name = None
    starts_workers = False
    reload_signal = None

    def __init__(self, folder, socket, apps, root=ROOT, program=None, conf=None):
        self.folder, self.socket, self.apps, self.root = folder, socket, apps, root
        self.program, self.conf = program, conf  # of workers that it starts itself
        self.port = free_port()
        self.errors = folder / (self.name + ".web.err")
        self.access = folder / (self.name + "-access.txt")
        for path in (self.errors, self.access):
            path.touch()
            path.chmod(0o666)
        self.file = folder / (self.name + ".web.conf")
        self.file.write_text(self.configuration())
        self.process = None
        self.start()

    def start(self):
        with open(self.errors, "a") as errors:
            # Apache ends its whole process group
            self.process = subprocess.Popen(self.command(), stderr=errors, stdout=errors, stdin=subprocess.DEVNULL,
                                            start_new_session=True, cwd=self.folder, env=self.environment())
        where.wait_for(self._answers, "%s answers" % self.name, 20)

    def environment(self):
        return {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "HOME": str(self.folder)}

    def _answers(self):
        assert self.process.poll() is None, "%s ended: %s" % (self.name, self.said())
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def said(self):
        return self.errors.read_text(errors="replace")[-3000:]

    def places(self):
        """Where benren is: a regular expression."""
        return "(?:%s)" % "|".join(["face", *(app.name for app in self.apps)])

    def texts(self, shipped):
        """What the web server itself says, where www-data may read it."""
        for name in re.findall("/usr/share/benren/([a-z-]+[.]json)", shipped.text):
            path = self.folder / name
            shutil.copy(CONF / name, path)
            path.chmod(0o644)
            shipped.replace("/usr/share/benren/" + name, str(path))

    def reload(self):
        self.process.send_signal(self.reload_signal)

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        self.process.wait(30)
        self.process = None

    def restart(self):
        self.stop()
        self.start()

    def url(self, app, endpoint):
        return "http://127.0.0.1:%d/%s/%s" % (self.port, app.name, endpoint)


# --- nginx -----------------------------------------------------------------------------

class Nginx(Server):
    name = "nginx"
    reload_signal = signal.SIGHUP

    def configuration(self):
        path = self.folder / (self.name + "-main.conf")
        path.write_text(webserver.shipped_conf("UPSTREAM", self.port, self.access, self.apps)
                        .replace("unix:UPSTREAM", self.upstream()))
        return webserver.MAIN_CONF.replace("benren-nginx.conf", path.name).replace(
            "%(folder)s/nginx.err", str(self.errors)) % {
                "folder": self.folder, "user": "user www-data;" if self.root else ""}

    def upstream(self):
        return "unix:%s" % self.socket

    def command(self):
        return [where.tool("nginx"), "-p", str(self.folder), "-c", str(self.file)]


class NginxTcp(Nginx):
    name = "nginx-tcp"

    def upstream(self):
        return "%s:%d" % self.socket


# --- Apache -----------------------------------------------------------------------------

APACHE_MAIN = """
ServerRoot "%(folder)s"
ServerName example.com
DefaultRuntimeDir "%(folder)s"
PidFile "%(folder)s/%(name)s.pid"
%(user)s
ErrorLog "%(errors)s"
%(modules)s
TypesConfig /etc/mime.types
DocumentRoot "%(folder)s"
%(limits)s
GracefulShutdownTimeout 20
<Directory />
	Require all denied
</Directory>
%(more)s
Include %(conf)s
"""


class Apache(Server):
    name = "apache"
    shipped = "apache-proxy.conf"
    modules = ("proxy", "proxy_fcgi")
    mpm, limits = "mpm_event", "ServerLimit 8\nThreadsPerChild 25\nMaxRequestWorkers 150"
    reload_signal = signal.SIGUSR1
    users = ('ProxyFCGISetEnvIf "true" BENREN_USER "%{REMOTE_USER}"',
             'ProxyFCGISetEnvIf "true" BENREN_OPENID "%{reqenv:YOUR_OPENID}"',
             'ProxyFCGISetEnvIf "true" BENREN_USER "%%{HTTP:%s}"' % USER_HEADER,
             'ProxyFCGISetEnvIf "true" BENREN_OPENID "%%{HTTP:%s}"' % OPENID_HEADER)
    more = ""

    def configuration(self):
        shipped = self.rewrite(Shipped(CONF / self.shipped))
        path = self.folder / (self.name + "-site.conf")
        path.write_text(shipped.text)
        modules = (self.mpm, "authz_core", "alias", "env", "headers", "mime", "setenvif", "rewrite") + self.modules
        return APACHE_MAIN % {
            "folder": self.folder, "name": self.name, "errors": self.errors, "conf": path,
            "limits": self.limits, "user": "User www-data\nGroup www-data" if self.root else "", "more": self.more,
            "modules": "\n".join("LoadModule %s_module %s/mod_%s.so" % (m, APACHE_MODULES, m) for m in modules)}

    def rewrite(self, shipped):
        shipped.replace("Listen 8080\n", "Listen 127.0.0.1:%d\n" % self.port)
        shipped.replace("<VirtualHost *:8080>", "<VirtualHost *:%d>" % self.port)
        shipped.replace("/var/log/apache2/benren.log", str(self.access))
        self.texts(shipped)
        shipped.replace('"^/(?!face/|', '"^/(?!%s/|' % self.places())
        self.backend(shipped)
        block = shipped.block(r'\t<Location "/face">.*?\t</Location>\n')
        shipped.copies(block, [self.location_for(shipped, block, app) for app in self.apps])
        return shipped

    def backend(self, shipped):
        shipped.replace('SetHandler "proxy:unix:/run/benren.sock|', 'SetHandler "proxy:unix:%s|' % self.socket)
        shipped.replace('<Proxy "unix:/run/benren.sock|', '<Proxy "unix:%s|' % self.socket)

    def location_for(self, shipped, block, app):
        block = shipped.replace('<Location "/face">', '<Location "/%s">' % app.name, block)
        block = shipped.uncomment("SetEnv BENREN_APPID wx0000000000000002", "SetEnv BENREN_APPID " + app.appid, block)
        return self.with_user(shipped, block)

    def with_user(self, shipped, block):
        user, openid, by_user, by_openid = self.users
        return shipped.uncomment(openid, by_openid, shipped.uncomment(user, by_user, block))

    def command(self):
        return [where.tool("apache2"), "-DFOREGROUND", "-f", str(self.file)]


class ApachePass(Apache):
    """The same file, with the line that it has as a comment."""
    name = "apache-pass"

    def backend(self, shipped):
        shipped.remove_line('SetHandler "proxy:unix:')
        line = 'ProxyPass "/face" "unix:/run/benren.sock|fcgi://benren/face"'
        shipped.uncomment(line, "\n\t".join(
            line.replace("/face", "/" + app.name).replace("/run/benren.sock", str(self.socket))
            for app in self.apps))
        shipped.replace('<Proxy "unix:/run/benren.sock|', '<Proxy "unix:%s|' % self.socket)


class ApacheStarting(Apache):
    """Apache starts what answers; the test's header stands for what a login left behind."""
    starts_workers = True
    users = None
    more = 'SetEnvIf %s "^(.+)$" YOUR_USER=$1\nSetEnvIf %s "^(.+)$" YOUR_OPENID=$1' % (USER_HEADER, OPENID_HEADER)

    def with_user(self, shipped, block):
        block = shipped.uncomment("RewriteEngine On", text=block)
        return shipped.uncomment("RewriteRule ^ - [E=", text=block)


class ApacheFcgid(ApacheStarting):
    name = "apache-fcgid"
    shipped = "apache-fcgid.conf"
    modules = ("fcgid",)

    @property
    def more(self):
        return ApacheStarting.more + '\nFcgidIPCDir "%s/fcgid"\nFcgidProcessTableFile "%s/fcgid.shm"' % (
            self.folder, self.folder)

    def backend(self, shipped):
        shipped.replace('FcgidWrapper "/usr/bin/benren -c /etc/benren/benren.json" virtual',
                        'FcgidWrapper "%s -c %s" virtual' % (self.program, self.conf))


class ApacheCgi(ApacheStarting):
    name = "apache-cgi"
    shipped = "apache-cgi.conf"
    modules = ("cgid",)

    @property
    def more(self):
        return ApacheStarting.more + '\nScriptSock "%s/cgid.sock"' % self.folder

    def backend(self, shipped):
        shipped.replace('ScriptAlias "/face" "/usr/bin/benren"', "\n\t".join(
            'ScriptAlias "/%s" "%s"' % (app.name, self.program) for app in self.apps))
        shipped.replace("SetEnv BENREN_CONF /etc/benren/benren.json", "SetEnv BENREN_CONF %s" % self.conf)


class ApacheModCgi(ApacheCgi):
    """The same file where processes do not share threads: what mod_cgid has a setting for, mod_cgi has not."""
    name = "apache-modcgi"
    modules = ("cgi",)
    mpm, limits = "mpm_prefork", "MaxRequestWorkers 50"
    more = ApacheStarting.more


# --- lighttpd -----------------------------------------------------------------------------

# What a login of lighttpd's own would find out.
USERS_LUA = """
local r = lighty.r
r.req_env["BENREN_USER"] = r.req_header["%s"]
r.req_env["BENREN_OPENID"] = r.req_header["%s"]
""" % (USER_HEADER, OPENID_HEADER)


class Lighttpd(Server):
    name = "lighttpd"
    shipped = "lighttpd.conf"
    reload_signal = signal.SIGUSR1

    def configuration(self):
        shipped = Shipped(CONF / self.shipped)
        shipped.replace("server.port = 8080", 'server.port = %d\nserver.bind = "127.0.0.1"\n'
                        'server.upload-dirs = ( "%s" )' % (self.port, self.folder))
        if not self.root:
            shipped.remove_line("server.username")
            shipped.remove_line("server.groupname")
        shipped.replace("/var/log/lighttpd/benren.log", str(self.access))
        shipped.replace("/var/log/lighttpd/error.log", str(self.errors))
        self.texts(shipped)
        shipped.replace('!~ "^/(face(/|', '!~ "^/(%s(/|' % self.places())
        self.backend(shipped)
        block = shipped.block(r'^\$HTTP\["url"\] =~ "\^/face\(/\|\$\)" \{.*?^\}\n')
        shipped.copies(block, [self.block_for(shipped, block, app) for app in self.apps])
        return shipped.text

    def backend(self, shipped):
        shipped.replace('"socket" => "/run/benren.sock"', '"socket" => "%s"' % self.socket)
        shipped.replace('server.modules = ( "mod_accesslog",', 'server.modules = ( "mod_accesslog", "mod_magnet",')
        (self.folder / "users.lua").write_text(USERS_LUA)

    def block_for(self, shipped, block, app):
        block = shipped.replace('"^/face(/|$)"', '"^/%s(/|$)"' % app.name, block)
        block = shipped.replace('"/face" =>', '"/%s" =>' % app.name, block)
        block = shipped.uncomment('setenv.set-environment = ( "BENREN_APPID" => "wx0000000000000002" )',
                                  'setenv.set-environment = ( "BENREN_APPID" => "%s" )' % app.appid, block)
        return shipped.uncomment('magnet.attract-raw-url-to = ( "/etc/lighttpd/benren-user.lua" )',
                                 'magnet.attract-raw-url-to = ( "%s/users.lua" )' % self.folder, block)

    def command(self):
        return [where.tool("lighttpd"), "-D", "-f", str(self.file)]


class LighttpdStarting(Lighttpd):
    """bin-path, which the file has as a comment."""
    name = "lighttpd-bin"
    starts_workers = True

    def backend(self, shipped):
        super().backend(shipped)
        shipped.remove_line('"socket" => "%s"' % self.socket)
        self.socket = self.own_folder() + "/benren.sock"
        shipped.uncomment('"socket" => "/run/lighttpd/benren.sock",', '"socket" => "%s",' % self.socket)
        shipped.uncomment('"bin-path" => "/usr/bin/benren -c /etc/benren/benren.json",',
                          '"bin-path" => "%s -c %s",' % (self.program, self.conf))
        shipped.uncomment('"bin-copy-environment" => ( "PATH" ),')
        shipped.uncomment('"min-procs" => 16, "max-procs" => 16,', '"min-procs" => 2, "max-procs" => 2,')

    def own_folder(self):
        """As Debian's /run/lighttpd is: lighttpd's user may write there, and nowhere else."""
        path = self.folder / "run"
        path.mkdir(mode=0o750)
        if self.root:
            shutil.chown(path, "www-data", "www-data")
        return str(path)

    def block_for(self, shipped, block, app):
        block = shipped.replace('"socket" => "%s"' % self.socket, '"socket" => "%s.%s"' % (self.socket, app.name), block)
        return super().block_for(shipped, block, app)


class LighttpdCgi(Lighttpd):
    name = "lighttpd-cgi"
    shipped = "lighttpd-cgi.conf"
    starts_workers = True

    def backend(self, shipped):
        shipped.replace('"BENREN_CONF" => "/etc/benren/benren.json"', '"BENREN_CONF" => "%s"' % self.conf)
        shipped.replace('alias.url = ( "/face" => "/usr/bin/benren" )', 'alias.url = ( "/face" => "%s" )' % self.program)

    def block_for(self, shipped, block, app):
        block = shipped.replace('"^/face(/|$)"', '"^/%s(/|$)"' % app.name, block)
        block = shipped.replace('"/face" =>', '"/%s" =>' % app.name, block)
        return shipped.uncomment('setenv.set-environment += ( "BENREN_APPID" => "wx0000000000000002" )',
                                 'setenv.set-environment += ( "BENREN_APPID" => "%s" )' % app.appid, block)


# --- Caddy and h2o ---------------------------------------------------------------------------

class Caddy(Server):
    name = "caddy"

    def configuration(self):
        shipped = Shipped(CONF / "caddy.conf")
        names = ", ".join("http://%s:%d" % (name, self.port) for name in ("example.com", "127.0.0.1"))
        shipped.replace("http://example.com:8080 {", names + " {\n\tbind 127.0.0.1")
        shipped.replace("http://:8080 {", "http://:%d {\n\tbind 127.0.0.1" % self.port)
        shipped.replace("/var/log/caddy/benren.log", str(self.access))
        shipped.replace("unix//run/benren.sock", "unix/%s" % self.socket)
        block = shipped.block(r"^\thandle /face/\* \{.*?^\t\}\n")
        shipped.copies(block, [self.handle_for(shipped, block, app) for app in self.apps])
        return "{\n\tadmin unix/%s/caddy.admin\n}\n%s" % (self.folder, shipped.text)

    def handle_for(self, shipped, block, app):
        block = shipped.replace("handle /face/*", "handle /%s/*" % app.name, block)
        block = shipped.uncomment("env BENREN_APPID wx0000000000000002", "env BENREN_APPID " + app.appid, block)
        block = shipped.uncomment("env BENREN_USER {http.auth.user.id}",
                                  "env BENREN_USER {http.request.header.%s}" % USER_HEADER, block)
        return shipped.uncomment("env BENREN_OPENID {http.auth.user.openid}",
                                 "env BENREN_OPENID {http.request.header.%s}" % OPENID_HEADER, block)

    def command(self):
        return [where.tool("caddy"), "run", "--adapter", "caddyfile", "--config", str(self.file)]

    def reload(self):
        subprocess.run([where.tool("caddy"), "reload", "--force", "--adapter", "caddyfile", "--config", str(self.file),
                        "--address", "unix/%s/caddy.admin" % self.folder], check=True, capture_output=True,
                       env=self.environment())


class H2o(Server):
    name = "h2o"
    reload_signal = signal.SIGHUP

    def configuration(self):
        shipped = Shipped(CONF / "h2o.conf")
        shipped.replace("  port: 8080\n", "  host: 127.0.0.1\n  port: %d\nnum-threads: 2\n" % self.port)
        if not self.root:
            shipped.remove_line("user: www-data")
        shipped.replace("/var/log/h2o/error.log", str(self.errors))
        shipped.replace("/var/log/h2o/benren.log", str(self.access))
        shipped.replace("example.com:8080", "default")
        self.texts(shipped)
        self.backend(shipped)
        block = shipped.block(r'^      "/face":\n.*\Z')
        shipped.copies(block, [self.path_for(shipped, block, app) for app in self.apps])
        return shipped.text

    def backend(self, shipped):
        shipped.replace("port: /run/benren.sock", "port: %s" % self.socket)

    def path_for(self, shipped, block, app):
        block = shipped.replace('"/face":', '"/%s":' % app.name, block)
        block = shipped.uncomment("setenv: { BENREN_APPID: wx0000000000000002 }",
                                  "setenv: { BENREN_APPID: %s }" % app.appid, block)
        block = shipped.uncomment("mruby.handler: |", text=block)
        line = "Proc.new {|env| [399, {"
        block = shipped.uncomment(line, "  " + line, block)
        block = shipped.replace("your_user(env)", '(env["HTTP_%s"] || "")' % USER_HEADER.upper().replace("-", "_"), block)
        return shipped.replace("your_openid(env)", '(env["HTTP_%s"] || "")' % OPENID_HEADER.upper().replace("-", "_"),
                               block)

    def command(self):
        return [where.tool("h2o"), "-m", "master", "-c", str(self.file)]


class H2oStarting(H2o):
    """fastcgi.spawn, which the file has as a comment."""
    name = "h2o-spawn"
    starts_workers = True

    def backend(self, shipped):
        shipped.regex(r"^        fastcgi\.connect:\n.*?type: unix\n", "")
        line = 'fastcgi.spawn: "exec /usr/bin/multiwatch -f 2 -- /usr/bin/benren -c /etc/benren/benren.json"'
        shipped.uncomment(line, line.replace("/usr/bin/benren", self.program)
                          .replace("/etc/benren/benren.json", str(self.conf)))


# In front of workers that something else starts.
ALL = {"nginx": Nginx, "apache": Apache, "apache-pass": ApachePass, "lighttpd": Lighttpd, "caddy": Caddy, "h2o": H2o}
# Those that the tests of headers and methods know the ways of (fixture behind).
SERVERS = {name: ALL[name] for name in ("nginx", "lighttpd", "apache")}
# They start workers themselves.
STARTING = {"apache-fcgid": ApacheFcgid, "lighttpd-bin": LighttpdStarting, "h2o-spawn": H2oStarting,
            "apache-cgi": ApacheCgi, "apache-modcgi": ApacheModCgi, "lighttpd-cgi": LighttpdCgi}


def missing(name):
    """Debian 13 has no h2o; without any other of them the tests fail."""
    return name in ("h2o", "h2o-spawn") and not where.installed("h2o")


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
