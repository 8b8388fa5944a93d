import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { can } from "@nguard/browser";

interface Vector {
  held: string[];
  asked: string;
  want: boolean;
}

test("the matcher agrees with package policy", () => {
  const { vectors } = JSON.parse(readFileSync("testdata/permissions.json", "utf8")) as { vectors: Vector[] };
  assert.ok(vectors.length > 30);
  for (const { held, asked, want } of vectors) assert.equal(can(held, asked), want, `${JSON.stringify(held)} ${JSON.stringify(asked)}`);
});
