/* serve.h: the running server: wires every part together, and takes it apart again. */
#ifndef LOFT_SERVE_H
#define LOFT_SERVE_H

#include "admin/config.h"

/* Serve until SIGTERM or SIGINT; SIGHUP reads configuration and certificates again. Prints "ready" to
 * standard error, and tells systemd, once connections are accepted.
 *   sources  where the configuration comes from; read again on SIGHUP
 *   returns  0 after a clean end; the error of what could not be started */
MUST_USE int serve(const struct config_sources *sources, struct err *err);

#endif
