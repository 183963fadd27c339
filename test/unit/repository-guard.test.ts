import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const core = join(import.meta.dirname, "../../src/core");
/** What is for some eyes only, once keys have data scopes. */
const guarded = /\b(?:from|join)\s+(?:configuration_items|changes|item_counts)\b/i;

interface Definition {
  readonly file: string;
  readonly name: string;
  readonly text: string;
}

/** The top-level functions and constants of every repository, cut where the next one starts. */
const definitions = globSync("**/repository.ts", { cwd: core }).flatMap((file): Definition[] => {
  const text = readFileSync(join(core, file), "utf8");
  const starts = [...text.matchAll(/^(?:export )?(?:async )?(?:function|const) (\w+)/gm)];
  return starts.map((start, place) => ({
    file,
    name: start[1] ?? "",
    text: text.slice(start.index, starts[place + 1]?.index),
  }));
});

/** A definition with the text of the local ones it uses, since a condition may stand in a helper or in its caller. */
function expanded(definition: Definition, seen = new Set<Definition>()): string {
  seen.add(definition);
  const used = definitions.filter(
    (other) =>
      other.file === definition.file && !seen.has(other) && new RegExp(`\\b${other.name}\\b`).test(definition.text),
  );
  return definition.text + used.map((other) => expanded(other, seen)).join("\n");
}

it("finds the repositories and the statements that read guarded tables", () => {
  const reading = definitions.filter((definition) => guarded.test(definition.text)).map(({ name }) => name);
  expect(reading).toEqual(expect.arrayContaining(["selectItemPage", "selectItem", "selectItemHistory"]));
});

it("lets no statement read items, changes or counts without visibleTo", () => {
  const unguarded = definitions
    .filter(({ text }) => text.startsWith("export "))
    .map((definition) => ({ ...definition, whole: expanded(definition) }))
    .filter(({ whole }) => guarded.test(whole) && !/\bvisibleTo\(/.test(whole))
    .map(({ file, name }) => `${file}: ${name}`);
  expect(unguarded).toEqual([]);
});

it("lets each read of a guarded table in a helper bring its own condition", () => {
  const unguarded = definitions
    .filter(({ text }) => guarded.test(text) && !/\b(?:visibleTo\(|visible\b)/.test(text))
    .map(({ file, name }) => `${file}: ${name}`);
  // Joined by selectItemPage, which puts the condition on the items.
  expect(unguarded.filter((entry) => !entry.endsWith(": seenItems"))).toEqual([]);
});
