import type { ImportFormat } from "./format.ts";
import { kubernetes } from "./kubernetes.ts";

/** Every kind of import, by the word that names it on the command line. */
export const importFormats: Readonly<Record<string, ImportFormat>> = { kubernetes };
