/* Instead of provider_ldap.c, in a server that is built without libldap. */
#include "auth/ldap/provider_ldap.h"

int provider_ldap_new(const struct provider_ldap_params *params, struct provider *provider_out,
                      struct err *err)
{
    (void)params;
    (void)provider_out;
    return err_set(err, ERR_CANNOT, "this server was built without LDAP (-Dldap=enabled)");
}
