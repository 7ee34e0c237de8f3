/* testing_slapd.h: a directory server for tests: Debian's slapd on free ports of 127.0.0.1, with a database and certificates of its
 * own in a temporary folder, ended by its pid.     Threads: one. */
#ifndef LOFT_AUTH_TESTING_SLAPD_H
#define LOFT_AUTH_TESTING_SLAPD_H

#include <stdbool.h>
#include <sys/types.h>

struct slapd {
    char folder[64];
    char plain_uri[64], tls_uri[64]; /* ldap:// with StartTLS, ldaps:// */
    char ca_file[96], other_ca_file[96], password_file[96];
    pid_t pid; /* 0: does not run */
};

#define SLAPD_SERVICE_DN "cn=loft,dc=example,dc=org"

bool slapd_is_installed(void);
/* With the entries of testing_slapd.c; runs when it returns. Ends the test when it cannot. */
void slapd_set_up(struct slapd *slapd);
void slapd_start(struct slapd *slapd);
void slapd_kill(struct slapd *slapd);
void slapd_tear_down(struct slapd *slapd);

#endif
