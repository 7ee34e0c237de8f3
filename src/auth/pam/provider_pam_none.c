/* Instead of provider_pam.c, in a server that is built without libpam. */
#include "auth/pam/provider_pam.h"

int pam_helper_start(const struct provider_pam_params *params, struct pam_helper **helper_out,
                     struct err *err)
{
    (void)params;
    (void)helper_out;
    return err_set(err, ERR_CANNOT, "this server was built without PAM (-Dpam=enabled)");
}

void pam_helper_stop(struct pam_helper **helper)
{
    *helper = NULL; /* there is none */
}

int provider_pam_new(struct pam_helper **helper, struct provider *provider_out, struct err *err)
{
    (void)helper;
    (void)provider_out;
    return err_set(err, ERR_CANNOT, "this server was built without PAM (-Dpam=enabled)");
}
