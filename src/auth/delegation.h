/* delegation.h: who may sign in for whom (auth.may_act_for):
 *
 *   rules = rule *( ";" rule )      rule = user ":" 1*( target )      target = name / "*@" domain / "*"
 *   "helpdesk@example.org: *@example.org; root@example.org: *, helpdesk@example.org"
 *
 * Targets have commas or spaces between. Nobody is let in by a "*" to somebody who may act for others: such a user must be named.
 * Threads: none needed; it does not change. */
#ifndef LOFT_AUTH_DELEGATION_H
#define LOFT_AUTH_DELEGATION_H

#include "base/err.h"
#include "base/str.h"

struct delegation;

/* -ERR_INVALID: which rule is wrong. "" and NIL give one that allows nothing. */
MUST_USE int delegation_parse(struct str rules, struct delegation **delegation_out, struct err *err);
void delegation_free(struct delegation **delegation);

/* Both normalised (users_normalise_name). */
bool delegation_allows(const struct delegation *delegation, struct str who, struct str whom);

#endif
