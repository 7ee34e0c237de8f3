/* Without libcurl: keys come from a file. */
#include "auth/oauth/http.h"

int http_new(const struct http_params *params, struct http *http_out, struct err *err)
{
    (void)params;
    (void)http_out;
    return err_set(err, ERR_CANNOT,
                   "built without libcurl: nobody can be asked about tokens; set oauth.keys_file");
}

void http_free(struct http *http)
{
    *http = (struct http){ 0 };
}
