import { useState } from "react";

export function useAuth(authType = "jwt") {
  const [user, setUser] = useState(null);
  const [token, setToken] = useState(localStorage.getItem("authToken") || null);

  // Login function
  const login = async (username, password) => {
    const url =
      authType === "jwt" ? "http://127.0.0.1:8000/token/" : "http://127.0.0.1:8000/login/";

    const res = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ username, password }),
    });

    const data = await res.json();

    if (authType === "jwt" && data.access) {
      localStorage.setItem("accessToken", data.access);
      localStorage.setItem("refreshToken", data.refresh);
      setToken(data.access);
    } else if (authType === "token" && data.token) {
      localStorage.setItem("authToken", data.token);
      setToken(data.token);
    }

    setUser(username);
    return data;
  };

  // Logout function
  const logout = () => {
    localStorage.clear();
    setUser(null);
    setToken(null);
  };

  // Fetch with auth header
  const authFetch = async (url, options = {}) => {
    const headers = options.headers || {};
    if (token) {
      headers["Authorization"] = authType === "jwt" ? `Bearer ${token}` : `Token ${token}`;
    }

    return fetch(url, { ...options, headers });
  };

  return { user, token, login, logout, authFetch };
}
