import { expect, test } from "@jest/globals";
import { DJANGO_DATABASES, describeDjango, DjangoProject } from "../../support/django.js";

/** Each database is tested with one kind of worker only, because each combination takes seconds to start. */
const WORKERS = { sqlite: "gthread", postgresql: "sync", mariadb: "runserver" } as const;

describeDjango("the Django project of the document", () => {
  test.each(DJANGO_DATABASES)("logs in, refreshes and logs out over %s", async (database) => {
    const django = await DjangoProject.create({ database });
    try {
      await django.shell(`
user = User.objects.create_user("mamun", "mamun@gmail.com", "1234")
Profile.objects.create(user=user, role="admin")`);
      const server = await django.serve(WORKERS[database]);
      const credentials = { username: "mamun", password: "1234" };
      const key = (await server.post("/login/", credentials)).body.token;
      expect(key).toMatch(/^[0-9a-f]{40}$/);
      const profile = { username: "mamun", email: "mamun@gmail.com" };
      expect((await server.get("/profile/", `Token ${key}`)).body).toEqual(profile);
      expect((await server.get("/admin-only/", `Token ${key}`)).body).toEqual({ is_admin: true });
      const byEmail = await server.post("/email-login/", {
        email: "mamun@gmail.com",
        password: "1234",
      });
      expect(byEmail.body.token).toBe(key);
      expect((await server.post("/logout/", {}, `Token ${key}`)).status).toBe(200);
      expect((await server.get("/profile/", `Token ${key}`)).status).toBe(401);
      const { access, refresh } = (await server.post("/token/", credentials)).body;
      expect((await server.get("/profile/", `Bearer ${access}`)).body).toEqual(profile);
      expect((await server.post("/token/refresh/", { refresh })).body.access).toBeDefined();
      expect((await server.post("/logout/", { refresh }, `Bearer ${access}`)).status).toBe(200);
      expect((await server.post("/token/refresh/", { refresh })).status).toBe(401);
    } finally {
      await django.close();
    }
  });
});
