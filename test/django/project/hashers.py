import base64
import hashlib

from django.contrib.auth.hashers import BasePasswordHasher
from django.utils.crypto import constant_time_compare


class ScryptPasswordHasher(BasePasswordHasher):
    """The hasher of Django 4. Django 3.2 does not have it. The format is `scrypt$work_factor$salt$r$p$hash`."""

    algorithm = "scrypt"
    block_size = 8
    maxmem = 0
    parallelism = 1
    work_factor = 2**14

    def encode(self, password, salt, n=None, r=None, p=None):
        n, r, p = n or self.work_factor, r or self.block_size, p or self.parallelism
        key = hashlib.scrypt(
            password.encode(), salt=salt.encode(), n=n, r=r, p=p, maxmem=self.maxmem, dklen=64
        )
        return f"{self.algorithm}${n}${salt}${r}${p}${base64.b64encode(key).decode('ascii').strip()}"

    def verify(self, password, encoded):
        algorithm, n, salt, r, p, key = encoded.split("$", 6)
        again = self.encode(password, salt, int(n), int(r), int(p))
        return constant_time_compare(encoded, again)

    def must_update(self, encoded):
        return False
