import { join, resolve } from "node:path";

/** The folder that holds package.json. */
export const projectFolder = join(import.meta.dirname, "../..");

/** Where the local stack keeps its data unless told otherwise; the importer looks for local.json here. */
export const defaultDataDir = join(projectFolder, ".muster");

/** A path as the caller meant it: npm runs scripts in the project's folder, but the caller named it from theirs. */
export function asCalled(path: string): string {
  return resolve(process.env["npm_lifecycle_event"] ? (process.env["INIT_CWD"] ?? "") : "", path);
}
