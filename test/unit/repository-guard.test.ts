import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const core = join(import.meta.dirname, "../../src/core");
/** What is for some eyes only, once keys have data scopes. */
const guarded =
  /\b(?:from|join|lateral)\s+(?:configuration_items|changes|item_counts|change_(?:search|stats|days|months|totals)|relationships|relationship_changes|muster\.changes_since)\b/i;

interface Definition {
  readonly file: string;
  readonly name: string;
  readonly text: string;
}

/** The top-level functions and constants of every repository and its fields, cut where the next one starts. */
const definitions = globSync("**/{*repository,fields}.ts", { cwd: core }).flatMap((file): Definition[] => {
  const text = readFileSync(join(core, file), "utf8");
  const starts = [...text.matchAll(/^(?:export )?(?:async )?(?:function|const) (\w+)/gm)];
  return starts.map((start, place) => ({
    file,
    name: start[1] ?? "",
    text: text.slice(start.index, starts[place + 1]?.index),
  }));
});

/** Whether a file sees a definition: its own, or one that it imports by name. */
function sees(file: string, other: Definition): boolean {
  const imports = [
    ...readFileSync(join(core, file), "utf8").matchAll(/^import \{([^}]*)\} from "[^"]*\/([\w-]+\.ts)";$/gm),
  ];
  return (
    other.file === file ||
    imports.some(
      ([, names = "", from = ""]) => other.file.endsWith(`/${from}`) && new RegExp(`\\b${other.name}\\b`).test(names),
    )
  );
}

/** A definition with the text of those it uses, since a condition may stand in a helper or in its caller. */
function expanded(definition: Definition, seen = new Set<Definition>()): string {
  seen.add(definition);
  const used = definitions.filter(
    (other) =>
      !seen.has(other) && sees(definition.file, other) && new RegExp(`\\b${other.name}\\b`).test(definition.text),
  );
  return definition.text + used.map((other) => expanded(other, seen)).join("\n");
}

it("finds the repositories and the statements that read guarded tables", () => {
  const reading = definitions.filter((definition) => guarded.test(definition.text)).map(({ name }) => name);
  expect(reading).toEqual(
    expect.arrayContaining([
      "selectItemPage",
      "selectItem",
      "selectItemHistory",
      "logged",
      "rolledUp",
      "affected",
      "selectRelationshipPage",
      "selectImpact",
    ]),
  );
});

it("lets no statement read items, changes, counts or relationships without visibleTo", () => {
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
