"""A directory for tests: Debian's slapd on free ports of 127.0.0.1, with a database and a certificate of its own in a temporary folder,
ended by its pid."""
import os
import shutil
import socket
import subprocess
import tempfile

import loft

PROGRAM = shutil.which("slapd", path="/usr/sbin:/usr/bin")

_CONF = """include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
database mdb
maxsize 16777216
suffix "dc=example,dc=org"
rootdn "cn=root,dc=example,dc=org"
rootpw root-secret
directory {folder}/db
access to attrs=userPassword by dn.exact="cn=loft,dc=example,dc=org" read by anonymous auth by * none
access to * by dn.exact="cn=loft,dc=example,dc=org" read by * none
"""

_TOP = """dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: x

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit

dn: cn=loft,dc=example,dc=org
objectClass: device
objectClass: simpleSecurityObject
userPassword: service-secret
"""


def person(name, password):
    return f"""
dn: uid={name},ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: {name}
cn: {name}
sn: {name}
mail: {name}@example.org
userPassword: {password}
"""


def group(name, *members):
    return f"\ndn: cn={name},ou=groups,dc=example,dc=org\nobjectClass: groupOfNames\n" + "".join(
        f"member: uid={m},ou=people,dc=example,dc=org\n" for m in members)


class Slapd:
    def __init__(self, *entries):
        self._folder = tempfile.TemporaryDirectory(prefix="loft-slapd-")
        self.folder = self._folder.name
        self.port, self.tls_port = loft.free_port(), loft.free_port()
        self._write("slapd.conf", _CONF.format(folder=self.folder))
        self._write("entries.ldif", _TOP + "".join(entries))
        self._write("service", "service-secret\n")
        self._write("san", "subjectAltName=IP:127.0.0.1\n")
        os.mkdir(self.folder + "/db")
        ec = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        self._run(f"openssl req -x509 {ec} -days 2 -keyout ca.key -out ca.pem -subj /CN=Test-CA")
        self._run(f"openssl req {ec} -keyout server.key -out server.csr -subj /CN=localhost")
        self._run("openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.pem")
        self._run("/usr/sbin/slapadd -q -f slapd.conf -l entries.ldif")
        self.process = None

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def _run(self, command):
        subprocess.run(command.split(), cwd=self.folder, check=True, capture_output=True)

    def start(self):
        self.process = subprocess.Popen(
            [PROGRAM, "-d", "0", "-f", self.folder + "/slapd.conf",
             "-h", f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def answers():
            for port in (self.port, self.tls_port):
                with socket.socket() as s:
                    if s.connect_ex(("127.0.0.1", port)) != 0:
                        return False
            return True

        loft.wait_until(answers, timeout_s=30)
        return self

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def modify(self, ldif):
        subprocess.run(["ldapmodify", "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", "cn=root,dc=example,dc=org",
                        "-w", "root-secret"], input=ldif.encode(), check=True, capture_output=True)

    def settings(self):
        return {"ldap.uris": f"ldaps://127.0.0.1:{self.tls_port}", "ldap.ca_file": self.folder + "/ca.pem",
                "ldap.bind_dn": "cn=loft,dc=example,dc=org", "ldap.bind_password_file": self.folder + "/service",
                "ldap.base": "dc=example,dc=org", "ldap.group_filter": "(&(objectClass=groupOfNames)(member=%D))",
                "ldap.timeout_ms": "2s"}

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.kill()
        self._folder.cleanup()
