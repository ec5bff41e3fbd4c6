"""Accepts the tokens of Gatehouse. docs/django.md shows these classes."""

import json
from urllib.request import Request, urlopen

from django.conf import settings
from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.tokens import AccessToken


class GatehouseTokenAuthentication(BaseAuthentication):
    """Asks Gatehouse who holds a static token."""

    def authenticate(self, request):
        header = request.headers.get("Authorization", "")
        if not header.startswith("Token gth_"):
            return None
        query = Request(
            f"{settings.GATEHOUSE_URL}/graphql",
            data=json.dumps({"query": "{ me { username } }"}).encode(),
            headers={"Content-Type": "application/json", "Authorization": header},
        )
        with urlopen(query, timeout=5) as response:
            data = json.load(response)["data"]
        user = data and User.objects.filter(username=data["me"]["username"], is_active=True).first()
        if not user:
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
