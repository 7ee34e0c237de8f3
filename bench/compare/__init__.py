"""The comparison of Loft with Dovecot and Cyrus. See bench/README.md."""
