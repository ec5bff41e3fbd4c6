"""A Django project in one file, for tests. It has users, keys of rest_framework.authtoken, and tokens of simplejwt.

project.py PATH migrate | loaddata FILE: does what manage.py does, over the SQLite file PATH.
project.py PATH: runs the program on standard input.
"""

import sys

import django
from django.conf import settings
from django.core.management import call_command

path, *command = sys.argv[1:]
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": path}},
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
    ],
    SECRET_KEY="the secret key of a Django project, for tests only",
    USE_TZ=True,
)
django.setup()

if command:
    call_command(*command, verbosity=0)
else:
    exec(sys.stdin.read())
