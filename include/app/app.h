/*
 * app.h - benren's endpoints: what a client, a web server or an operator can ask.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "web/request.h"
#include "wx/wx.h"

struct app;

/* wx stays the caller's and outlives the app. */
struct app *app_create(struct wx *wx);
void app_destroy(struct app *a);

/* For fcgi_conf.handle, with the struct app as fcgi_conf.app. */
void app_handle(struct req *r);

#endif
