import type { World } from "./world.ts";

/** Something that happened in the estate. */
export interface StoryEvent {
  readonly at: Date;
  readonly reason: string;
  /** Nothing is reported when something stops answering. */
  readonly quiet?: true;
  readonly play: (world: World, at: Date) => void;
}
