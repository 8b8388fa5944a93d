import { Window } from "happy-dom";

const window = new Window({ url: "http://localhost/" });

// What React and the store look for in a browser. fetch, timers and channels stay node's.
for (const name of ["document", "HTMLElement", "HTMLIFrameElement", "Event", "MouseEvent"])
  (globalThis as any)[name] = (window as any)[name];
(globalThis as any).window = globalThis;
for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"])
  (globalThis as any)[name] = (window as any)[name].bind(window);

/** Tells the page that something has happened to its window. */
export const fire = (type: string, members: object = {}) =>
  window.dispatchEvent(Object.assign(new window.Event(type), members) as any);

/** Clicks on what a selector finds. */
export const click = (container: Element, selector: string) => {
  const found = container.querySelector<HTMLElement>(selector);
  if (!found) throw Error("nothing is found by " + selector);
  found.click();
};
