#include "auth/ldap/testing_slapd.h"

#include "base/testing.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* %s: the folder */
static const char configuration[] =
    "include /etc/ldap/schema/core.schema\n"
    "include /etc/ldap/schema/cosine.schema\n"
    "include /etc/ldap/schema/inetorgperson.schema\n"
    "modulepath /usr/lib/ldap\n"
    "moduleload back_mdb\n"
    "moduleload memberof\n"
    "moduleload ppolicy\n"
    "TLSCACertificateFile %1$s/ca.pem\n"
    "TLSCertificateFile %1$s/server.pem\n"
    "TLSCertificateKeyFile %1$s/server.key\n"
    "database mdb\n"
    "maxsize 16777216\n"
    "suffix \"dc=example,dc=org\"\n"
    "rootdn \"cn=root,dc=example,dc=org\"\n"
    "directory %1$s/db\n"
    "overlay memberof\n"
    "overlay ppolicy\n"
    "ppolicy_use_lockout\n"
    "access to attrs=userPassword by dn.exact=\"" SLAPD_SERVICE_DN "\" read by anonymous auth by * none\n"
    "access to dn.subtree=\"ou=people,dc=example,dc=org\" by dn.exact=\"" SLAPD_SERVICE_DN
    "\" read by self read by * none\n"
    "access to * by dn.exact=\"" SLAPD_SERVICE_DN "\" read by users read by * none\n";

#define PERSON(uid, mail, more)                                                                              \
    "dn: uid=" uid ",ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: " uid "\ncn: " uid        \
    "\nsn: " uid "\nmail: " mail "\n" more "\n"

static const char entries[] =
    "dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\no: x\n\n"
    "dn: ou=people,dc=example,dc=org\nobjectClass: organizationalUnit\n\n"
    "dn: ou=groups,dc=example,dc=org\nobjectClass: organizationalUnit\n\n"
    "dn: cn=old,dc=example,dc=org\nobjectClass: device\nobjectClass: pwdPolicy\npwdAttribute: userPassword\n"
    "pwdMaxAge: 1\n\n"
    "dn: cn=locking,dc=example,dc=org\nobjectClass: device\nobjectClass: pwdPolicy\npwdAttribute: "
    "userPassword\n"
    "pwdLockout: TRUE\npwdMaxFailure: 3\n\n"
    "dn: " SLAPD_SERVICE_DN "\nobjectClass: device\nobjectClass: simpleSecurityObject\n"
    "userPassword: service secret\n\n" PERSON(
        "anna", "anna@example.org",
        "userPassword: {SSHA}s5Ot9o6Qcx1Rl2hOVRUHOd00+CmoIfS7\nmemberOf: "
        "cn=staff,ou=groups,dc=example,dc=org\n"
        "memberOf: cn=a group with spaces,ou=groups,dc=example,dc=org\n") PERSON("bert", "bert@example.org",
                                                                                 "userPassword: plain "
                                                                                 "one\nuserPassword: "
                                                                                 "{CRYPT}"
                                                                                 "36CBQkyPJIyP6\nemployeeNumb"
                                                                                 "er: 514\n") PERSON("carl",
                                                                                                     "carl@"
                                                                                                     "example"
                                                                                                     ".org",
                                                                                                     "mail: "
                                                                                                     "carl2@"
                                                                                                     "example"
                                                                                                     ".org\nu"
                                                                                                     "serPass"
                                                                                                     "word: "
                                                                                                     "secret"
                                                                                                     "\n")
        PERSON("dora", "dora@example.org", "userPassword: secret\nemployeeType: Disabled\n") PERSON(
            "emil", "emil@example.org",
            "userPassword: secret\npwdPolicySubentry: cn=old,dc=example,dc=org\npwdChangedTime: "
            "20200101000000Z\n") PERSON("fred", "fred@example.org",
                                        "userPassword: secret\npwdPolicySubentry: "
                                        "cn=locking,dc=example,dc=org\npwdAccountLockedTime: 000001010000Z\n")
            PERSON("gisa", "shared@example.org", "userPassword: secret\n") PERSON(
                "hans", "shared@example.org",
                "userPassword: secret\n") "dn: uid=nomail,ou=people,dc=example,dc=org\nobjectClass: "
                                          "inetOrgPerson\nuid: nomail\ncn: x\nsn: x\nuserPassword: "
                                          "secret\n\n" PERSON("odd\\2a\\28\\29", "odd@example.org",
                                                              "userPassword: secret\n") "dn: "
                                                                                        "cn=staff,ou=groups,"
                                                                                        "dc=example,dc="
                                                                                        "org\nobjectClass: "
                                                                                        "groupOfNames\nmember"
                                                                                        ": "
                                                                                        "uid=anna,ou=people,"
                                                                                        "dc=example,dc=org\n"
                                                                                        "member: "
                                                                                        "uid=bert,ou=people,"
                                                                                        "dc=example,dc="
                                                                                        "org\n\n"
                                                                                        "dn: "
                                                                                        "cn=editors,ou="
                                                                                        "groups,dc=example,"
                                                                                        "dc=org\nobjectClass:"
                                                                                        " groupOfNames\nmembe"
                                                                                        "r: "
                                                                                        "uid=anna,ou=people,"
                                                                                        "dc=example,dc="
                                                                                        "org\n\n"
                                                                                        "dn: cn=a group with "
                                                                                        "spaces,ou=groups,dc="
                                                                                        "example,dc="
                                                                                        "org\nobjectClass: "
                                                                                        "groupOfNames\n"
                                                                                        "member: "
                                                                                        "uid=anna,ou=people,"
                                                                                        "dc=example,dc="
                                                                                        "org\n\n";

bool slapd_is_installed(void)
{
    return access("/usr/sbin/slapd", X_OK) == 0 && access("/usr/bin/openssl", X_OK) == 0;
}

static void write_text(const struct slapd *s, const char *name, const char *format)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out, format, s->folder);
    fclose(out);
}

static void run(const struct slapd *s, const char *format)
{
    char command[1024];
    snprintf(command, sizeof command, format, s->folder);
    if (system(command) != 0) {
        print_error("failed: %s\n", command);
        fail();
    }
}

static unsigned free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static bool answers(const char *uri)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    a.sin_port = htons((uint16_t)atoi(strrchr(uri, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool up = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return up;
}

void slapd_start(struct slapd *s)
{
    char conf[128], uris[256];
    snprintf(conf, sizeof conf, "%s/slapd.conf", s->folder);
    /* also where the certificate is not for */
    snprintf(uris, sizeof uris, "%s %s ldaps://127.0.0.2%s", s->plain_uri, s->tls_uri,
             strrchr(s->tls_uri, ':'));
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test is killed */
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        execl("/usr/sbin/slapd", "slapd", "-d", "0", "-f", conf, "-h", uris, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; !answers(s->plain_uri) || !answers(s->tls_uri); i++) {
        assert_true(i < 1000 && waitpid(s->pid, NULL, WNOHANG) == 0);
        usleep(20000);
    }
}

void slapd_kill(struct slapd *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
}

void slapd_set_up(struct slapd *s)
{
    *s = (struct slapd){ .pid = 0 };
    strcpy(s->folder, "/tmp/loft-slapd-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->plain_uri, sizeof s->plain_uri, "ldap://127.0.0.1:%u", free_port());
    do
        snprintf(s->tls_uri, sizeof s->tls_uri, "ldaps://127.0.0.1:%u", free_port());
    while (strcmp(strrchr(s->tls_uri, ':'), strrchr(s->plain_uri, ':')) == 0);
    snprintf(s->ca_file, sizeof s->ca_file, "%s/ca.pem", s->folder);
    snprintf(s->other_ca_file, sizeof s->other_ca_file, "%s/other.pem", s->folder);
    snprintf(s->password_file, sizeof s->password_file, "%s/service", s->folder);
    write_text(s, "slapd.conf", configuration);
    write_text(s, "entries.ldif", entries);
    write_text(s, "service", "service secret\n");
    write_text(s, "san", "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
    run(s, "mkdir %1$s/db && slapadd -q -f %1$s/slapd.conf -l %1$s/entries.ldif");
    run(s, "cd %1$s && for ca in ca other; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
           "-nodes -days 2"
           " -keyout $ca.key -out $ca.pem -subj /CN=Test-$ca 2>/dev/null || exit 1; done");
    run(s, "cd %1$s && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key "
           "-out server.csr"
           " -subj /CN=localhost 2>/dev/null && openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key "
           "-CAcreateserial"
           " -days 2 -extfile san -out server.pem 2>/dev/null");
    slapd_start(s);
}

void slapd_tear_down(struct slapd *s)
{
    slapd_kill(s);
    if (s->folder[0])
        run(s, "rm -rf %1$s");
}
