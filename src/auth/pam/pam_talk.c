#include "auth/pam/pam_helper.h"

#include <security/pam_appl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROMPTS_MAX = 16 };

/* The password is the answer to whatever is not shown: modules that stand one behind the other may each ask. */
static char *answer_to(const struct pam_message *message, const struct pam_request *request)
{
    if (message->msg_style == PAM_PROMPT_ECHO_OFF)
        return strdup(request->password);
    if (message->msg_style == PAM_PROMPT_ECHO_ON)
        return strdup(request->name);
    return NULL; /* texts: nobody is there to read them */
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
                    void *ctx)
{
    const struct pam_request *request = ctx;
    if (count <= 0 || count > PROMPTS_MAX)
        return PAM_CONV_ERR;
    struct pam_response *all = calloc((size_t)count, sizeof *all);
    if (!all)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++)
        all[i].resp = answer_to(messages[i], request);
    *responses = all; /* PAM frees them */
    return PAM_SUCCESS;
}

/* The server has delays of its own. */
static void no_delay(int status, unsigned delay_us, void *ctx)
{
    (void)status;
    (void)delay_us;
    (void)ctx;
}

static enum pam_verdict verdict_of_password(int status)
{
    switch (status) {
    case PAM_SUCCESS:
        return PAM_IS_RIGHT;
    case PAM_USER_UNKNOWN:
        return PAM_IS_UNKNOWN;
    case PAM_AUTH_ERR:
    case PAM_PERM_DENIED:
    case PAM_MAXTRIES:
    case PAM_CRED_INSUFFICIENT:
    case PAM_CONV_ERR:
        return PAM_IS_WRONG;
    default:
        return PAM_IS_DOWN;
    }
}

static enum pam_verdict verdict_of_account(int status)
{
    switch (status) {
    case PAM_SUCCESS:
        return PAM_IS_RIGHT;
    case PAM_NEW_AUTHTOK_REQD:
    case PAM_AUTHTOK_EXPIRED:
        return PAM_IS_EXPIRED;
    case PAM_ACCT_EXPIRED:
    case PAM_PERM_DENIED:
    case PAM_AUTH_ERR:
    case PAM_USER_UNKNOWN:
        return PAM_IS_DISABLED;
    default:
        return PAM_IS_DOWN;
    }
}

static int start(const struct pam_helper_params *params, const struct pam_request *request,
                 const struct pam_conv *conversation, pam_handle_t **pam)
{
    int status = params->folder
                     ? pam_start_confdir(params->service, request->name, conversation, params->folder, pam)
                     : pam_start(params->service, request->name, conversation, pam);
    if (status == PAM_SUCCESS)
        status = pam_set_item(*pam, PAM_FAIL_DELAY, (const void *)no_delay);
    if (status == PAM_SUCCESS)
        status = pam_set_item(*pam, PAM_TTY, params->service);
    if (status == PAM_SUCCESS && request->address[0])
        status = pam_set_item(*pam, PAM_RHOST, request->address);
    return status;
}

static void keep_name(pam_handle_t *pam, struct pam_reply *reply)
{
    const void *name = NULL;
    if (pam_get_item(pam, PAM_USER, &name) == PAM_SUCCESS && name && strlen(name) < sizeof reply->name)
        snprintf(reply->name, sizeof reply->name, "%s", (const char *)name);
}

void pam_talk(const struct pam_helper_params *params, const struct pam_request *request,
              struct pam_reply *reply)
{
    struct pam_request copy = *request; /* PAM wants it writable */
    const struct pam_conv conversation = { converse, &copy };
    pam_handle_t *pam = NULL;
    *reply = (struct pam_reply){ .verdict = PAM_IS_DOWN };
    int status = start(params, &copy, &conversation, &pam);
    if (status == PAM_SUCCESS) {
        status = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
        reply->verdict = verdict_of_password(status);
    }
    if (reply->verdict == PAM_IS_RIGHT) {
        status = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
        reply->verdict = verdict_of_account(status);
        keep_name(pam, reply);
    }
    if (reply->verdict == PAM_IS_DOWN)
        snprintf(reply->text, sizeof reply->text, "%s", pam_strerror(pam, status));
    if (pam)
        pam_end(pam, status);
    sodium_memzero(&copy, sizeof copy);
}
