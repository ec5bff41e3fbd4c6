from django.urls import path
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework_simplejwt.views import (
    TokenBlacklistView,
    TokenObtainPairView,
    TokenObtainSlidingView,
    TokenRefreshSlidingView,
    TokenRefreshView,
    TokenVerifyView,
)

from accounts.views import AdminView, EmailAuthToken, LogoutView, ProfileView

urlpatterns = [
    path("login/", obtain_auth_token, name="login"),
    path("email-login/", EmailAuthToken.as_view(), name="email_login"),
    path("token/", TokenObtainPairView.as_view(), name="token_obtain_pair"),
    path("token/refresh/", TokenRefreshView.as_view(), name="token_refresh"),
    path("token/verify/", TokenVerifyView.as_view(), name="token_verify"),
    path("token/blacklist/", TokenBlacklistView.as_view(), name="token_blacklist"),
    path("sliding/", TokenObtainSlidingView.as_view(), name="token_obtain"),
    path("sliding/refresh/", TokenRefreshSlidingView.as_view(), name="token_refresh_sliding"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("profile/", ProfileView.as_view(), name="profile"),
    path("admin-only/", AdminView.as_view(), name="admin_only"),
]
