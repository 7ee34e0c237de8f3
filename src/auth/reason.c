#include "auth/reason.h"

static const char *const names[AUTH_REASON_COUNT] = {
    [AUTH_OK] = "ok",
    [AUTH_WRONG] = "wrong",
    [AUTH_UNKNOWN_USER] = "unknown-user",
    [AUTH_LOCKED] = "locked",
    [AUTH_THROTTLED] = "throttled",
    [AUTH_DISABLED] = "disabled",
    [AUTH_REVOKED] = "revoked",
    [AUTH_EXPIRED] = "expired",
    [AUTH_SECOND_FACTOR_MISSING] = "second-factor-missing",
    [AUTH_SCOPE] = "scope",
    [AUTH_ADDRESS_REFUSED] = "address-refused",
    [AUTH_TOKEN_BAD] = "token-bad",
    [AUTH_TOKEN_EXPIRED] = "token-expired",
    [AUTH_CERTIFICATE_BAD] = "certificate-bad",
    [AUTH_CHANNEL_BINDING] = "channel-binding",
    [AUTH_NOT_AUTHORIZED] = "not-authorized",
    [AUTH_PROVIDER_DOWN] = "provider-down",
    [AUTH_TOO_MANY] = "too-many",
    [AUTH_MALFORMED] = "malformed",
};

const char *auth_reason_name(enum auth_reason reason)
{
    return (unsigned)reason < AUTH_REASON_COUNT ? names[reason] : "unknown";
}
