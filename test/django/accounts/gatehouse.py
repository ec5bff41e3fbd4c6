"""Accepts the tokens of Gatehouse, which runs at the setting GATEHOUSE_URL."""

import json
from hashlib import sha256
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from django.conf import settings
from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.tokens import AccessToken


class GatehouseUnavailable(APIException):
    """The token may be valid, but Gatehouse cannot say so now."""

    status_code = 503
    default_detail = "Service temporarily unavailable, try again later."
    wait = 5  # seconds, for Retry-After


class GatehouseTokenAuthentication(BaseAuthentication):
    """Asks Gatehouse who holds a static token."""

    def authenticate(self, request):
        header = request.headers.get("Authorization", "")
        if not header.startswith("Token gth_"):
            return None
        query = Request(
            f"{settings.GATEHOUSE_URL}/graphql",
            data=json.dumps({"query": "{ me { id username } }"}).encode(),
            headers={
                "Content-Type": "application/json",
                "Accept": "application/graphql-response+json",
                "Authorization": header,
            },
        )
        try:
            with urlopen(query, timeout=5) as response:
                me = json.load(response)["data"]["me"]
        except (OSError, HTTPException, ValueError) as error:
            if isinstance(error, HTTPError) and error.code == 401:
                raise AuthenticationFailed("Invalid token.")
            raise GatehouseUnavailable()
        user = User.objects.filter(username=me["username"], is_active=True).first()
        # Another person may have the same name at Gatehouse. The id there comes from Django's primary key.
        if not user or me["id"] != sha256(f"django user {user.pk}".encode()).hexdigest()[:32]:
            raise AuthenticationFailed("Invalid token.")
        return user, header

    def authenticate_header(self, request):
        return "Token"


class GatehouseAccessToken(AccessToken):
    """An access token of Gatehouse. For AUTH_TOKEN_CLASSES, beside simplejwt's own class."""

    _token_backend = TokenBackend(
        "ES256",
        jwk_url=f"{settings.GATEHOUSE_URL}/.well-known/jwks.json",
        audience="gatehouse",
        issuer=settings.GATEHOUSE_URL,
    )
