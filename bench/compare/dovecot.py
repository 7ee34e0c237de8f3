"""Dovecot 2.3 as Debian ships it, run by hand from a folder of its own."""
import os
import subprocess
from pathlib import Path

from .process import disk_bytes
from .server import PASSWORD, Server, run_as

MODULES = Path("/usr/lib/dovecot/modules")

# Formats that sites choose: sdbox, a file for each message, and mdbox, many messages in a file. mdbox copies by
# reference and leaves what is expunged where it is, until `doveadm purge` runs some night: no part of these figures.
# Mail is not compressed, as shipped: compression would cost Dovecot CPU in each row.
CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
instance_name = bench
protocols = imap lmtp
listen = 127.0.0.1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
mail_uid = {mail}
mail_gid = {mail_group}
first_valid_uid = 1
first_valid_gid = 1
mail_home = {data}/%u
mail_location = {format}:~/{format}
mail_fsync = optimized
mail_plugins = {mail_plugins}
mail_max_userip_connections = 100000
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain
auth_cache_size = 64M
auth_cache_ttl = 1 hour
default_process_limit = 1000
default_client_limit = 20000
default_vsz_limit = 4G
import_environment = TZ LD_PRELOAD LOFT_FLUSH_COUNTER
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
  default_fields = uid={mail} gid={mail_group}
}}
service imap-login {{
  service_count = 0
  client_limit = 10000
  process_min_avail = {cores}
  process_limit = {cores}
  {chroot}
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
service imap {{
  service_count = 256
  process_min_avail = {cores}
  process_limit = 10000
  {imap_extra}
}}
service imap-hibernate {{
  unix_listener imap-hibernate {{
    mode = 0666
  }}
}}
service lmtp {{
  process_min_avail = {cores}
  process_limit = 1000
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
}}
service imap-urlauth-login {{
  process_limit = 1
}}
service anvil {{
  {chroot}
}}
service stats {{
  {chroot}
}}
protocol lmtp {{
  mail_plugins = {mail_plugins}
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
{plugin}
"""

XAPIAN = """\
service indexer-worker {
  vsz_limit = 4G
  process_limit = 1
}
plugin {
  fts = xapian
  fts_xapian = partial=3 full=20 verbose=0
  fts_autoindex = no
  fts_enforced = yes
}
"""

HIBERNATE = """\
service_count = 1
  unix_listener imap-master {
    mode = 0666
  }
"""


class Dovecot(Server):
    name = "dovecot"

    def __init__(self, folder: Path, users: list[str], certificate: Path, key: Path, *, index: bool = False,
                 hibernate: bool = False, mail_format: str = "sdbox"):
        super().__init__(folder, users)
        self.certificate, self.key = certificate, key
        self.index, self.hibernate, self.mail_format = index, hibernate, mail_format

    def config(self) -> str:
        root = os.geteuid() == 0
        mail = run_as()
        group = "mail" if root else str(os.getegid())
        return CONFIG.format(
            folder=self.folder, data=self.data_folder(), certificate=self.certificate, key=self.key,
            imap_port=self.imap_port, imaps_port=self.imaps_port, lmtp_port=self.lmtp_port, format=self.mail_format,
            mail=mail, mail_group=group, internal="dovecot" if root else mail,
            internal_group="dovecot" if root else group, login="dovenull" if root else mail,
            chroot="" if root else "chroot =", cores=max(2, os.cpu_count() or 2),
            mail_plugins="$mail_plugins fts fts_xapian" if self.index else "$mail_plugins",
            plugin=(XAPIAN if self.index else "") + ("imap_hibernate_timeout = 1s\n" if self.hibernate else ""),
            imap_extra=HIBERNATE if self.hibernate else "")

    def command(self) -> list[str]:
        return ["/usr/sbin/dovecot", "-F", "-c", str(self.folder / "dovecot.conf")]

    def prepare(self) -> None:
        (self.folder / "dovecot.conf").write_text(self.config())
        (self.folder / "users").write_text("".join(f"{user}:{PASSWORD}::::::\n" for user in self.users))
        self.data_folder().mkdir()
        if os.geteuid() == 0:
            self.folder.chmod(0o755)
            for name in ("dovecot.conf", "users"):
                (self.folder / name).chmod(0o644)
            subprocess.run(["chown", "mail:mail", self.data_folder()], check=True)

    def version(self) -> str:
        out = subprocess.run(["/usr/sbin/dovecot", "--version"], capture_output=True, text=True, check=True).stdout
        return "Dovecot " + out.split()[0]

    def settings(self) -> str:
        return self.shown(self.config())

    def index_now(self, user: str) -> bool:
        if self.index:
            subprocess.run(["doveadm", "-c", self.folder / "dovecot.conf", "index", "-u", user, "*"], check=True,
                           timeout=3600, capture_output=True)
        return self.index

    def index_bytes(self, user: str) -> int:
        return disk_bytes(self.data_folder() / user / self.mail_format / "xapian-indexes")
