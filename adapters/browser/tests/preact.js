// Preact under the name of React, for a second run of the tests of hooks: whoever needs a smaller page may use it.
// Its types say "export =", which TypeScript cannot pass on with a star.
import { options } from "preact";

export * from "preact/compat";

// Without a screen, effects run in the next turn.
options.requestAnimationFrame = setTimeout;

/** Preact's own act shows nothing before the work has ended. This one leaves it the time to. */
export const act = async (work) => {
  await work();
  for (let turns = 0; turns < 3; turns++) await new Promise((next) => setTimeout(next));
};
