"""A small Django project in one file. Reads lines of JSON from standard input; each has a Python statement to run.

Usage: project.py '{"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}' [command ...]
With a command, runs it as manage.py does. Without one, runs the program on standard input.
"""

import json
import sys

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": json.loads(sys.argv[1])},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "rest_framework.authtoken",
        "rest_framework_simplejwt.token_blacklist",
    ],
    PASSWORD_HASHERS=[
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.Argon2PasswordHasher",
        "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ],
    SECRET_KEY="a secret key of a Django project, for tests only",
    USE_TZ=True,
)
django.setup()

if len(sys.argv) > 2:
    from django.core.management import call_command

    call_command(*sys.argv[2:], verbosity=0)
else:
    exec(sys.stdin.read())  # the test's own program
