from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.permissions import CustomAdminTokenCheckMixin


class LogoutView(APIView):
    """The document's two views of this name. The client's kind of token selects one."""

    permission_classes = [IsAuthenticated]

    def post(self, request):
        if isinstance(request.auth, Token):
            return self.delete_key(request)
        return self.blacklist(request)

    def delete_key(self, request):
        request.user.auth_token.delete()
        return Response({"message": "Logout successful, token deleted"})

    def blacklist(self, request):
        try:
            refresh_token = request.data["refresh"]
            token = RefreshToken(refresh_token)
            token.blacklist()
            return Response({"message": "Logout successful, token blacklisted"})
        except Exception as e:
            return Response({"error": "Invalid token"}, status=400)


class ProfileView(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({
            "username": request.user.username,
            "email": request.user.email,
        })


class EmailAuthToken(ObtainAuthToken):
    def post(self, request, *args, **kwargs):
        email = request.data.get("email")
        password = request.data.get("password")

        try:
            user_obj = User.objects.get(email=email)
        except User.DoesNotExist:
            return Response({"error": "Invalid email or password"}, status=400)

        user = authenticate(username=user_obj.username, password=password)
        if not user:
            return Response({"error": "Invalid email or password"}, status=400)

        token, created = Token.objects.get_or_create(user=user)
        return Response({
            "token": token.key,
            "user_id": user.id,
            "email": user.email
        })


class AdminView(CustomAdminTokenCheckMixin, APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"is_admin": self.is_admin(request)})
