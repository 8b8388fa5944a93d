import { useEffect, useState } from "react";
import { useSession } from "@nguard/browser/react";

/** The time, each so many milliseconds. */
export const useNow = (every = 1e3) => {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
};

const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 864e5],
  ["hour", 36e5],
  ["minute", 6e4],
];

/** Ways to write times, in the language of the session. */
export const useTimes = () => {
  const language = useSession((state) => state.session?.data.language) ?? "en";
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
  const short = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return {
    full: (at: number | string) => full.format(new Date(at)),
    short: (at: number | string) => short.format(new Date(at)),
    ago: (at: number, now: number) => {
      for (const [unit, size] of units) if (now - at >= size) return relative.format(-Math.floor((now - at) / size), unit);
      return relative.format(0, "second");
    },
  };
};

/** A span as a clock shows it: 1:05:09, or 3 d 04 h. */
export const clock = (ms: number) => {
  const s = Math.max(0, Math.ceil(ms / 1e3));
  const two = (n: number) => `${n}`.padStart(2, "0");
  if (s >= 172800) return `${Math.floor(s / 86400)} d ${two(Math.floor((s % 86400) / 3600))} h`;
  const rest = `${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
  return s >= 3600 ? `${Math.floor(s / 3600)}:${rest}` : rest;
};

const browsers: [RegExp, string][] = [
  [/\bEdg[A-Z]?\w*\/(\d+)/, "Edge"],
  [/\bOPR\/(\d+)/, "Opera"],
  [/\bFirefox\/(\d+)/, "Firefox"],
  [/\b(?:Headless)?Chrome\/(\d+)/, "Chrome"],
  [/\bVersion\/(\d+)[\d.]* .*Safari/, "Safari"],
  [/^curl\/(\d+)/, "curl"],
];
const systems: [RegExp, string][] = [
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Mac OS X|Macintosh/, "macOS"],
  [/CrOS/, "ChromeOS"],
  [/Linux|X11/, "Linux"],
];

/** A user agent in a few words. It is what the client has said of itself: text, and no proof. */
export const device = (agent: string | undefined) => {
  if (!agent) return "Unknown device";
  const browser = browsers.find(([pattern]) => pattern.test(agent));
  const system = systems.find(([pattern]) => pattern.test(agent))?.[1];
  if (!browser) return agent.length > 40 ? agent.slice(0, 40) + "…" : agent;
  return `${browser[1]} ${browser[0].exec(agent)![1]}${system ? " on " + system : ""}`;
};

/** A value as a person reads it. */
export const show = (value: unknown): string => {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return value.length ? value.map(show).join(", ") : "none";
  if (typeof value === "boolean") return value ? "on" : "off";
  return typeof value === "object" ? JSON.stringify(value) : `${value}`;
};

/** The error that something has thrown, in words. */
export const said = (e: unknown) => (e instanceof Error ? e.message : "Something went wrong.");
