import assert from "node:assert/strict";
import { useSession } from "@nguard/browser/react";
import { renderWithSession } from "@nguard/browser/testing";

const Greeting = () => <p>Hello {useSession((state) => state.session?.user.name ?? "stranger")}</p>;

export const greets = async () => {
  const page = await renderWithSession(<Greeting />, { as: "user@example.com" });
  assert.equal(page.container.textContent, "Hello Uma User");

  page.server.fault("update", { status: 403 });
  await page.act(() => page.store.updateSession({ name: "Eve" }));
  assert.equal(page.container.textContent, "Hello Uma User");

  page.server.revoke("user@example.com");
  await page.act(() => page.store.validate());
  assert.equal(page.container.textContent, "Hello stranger");
  await page.unmount();
};
