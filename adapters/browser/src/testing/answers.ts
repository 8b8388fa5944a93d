/** The refusals of the contract: status, stable name, words. */
const refusals = {
  malformed: [400, "The request is malformed."],
  no_usable_field: [400, "The update names no field that can be changed."],
  invalid_value: [400, "A value is not accepted."],
  missing_credentials: [400, "The credentials are incomplete."],
  no_session: [401, "You are not signed in."],
  bad_credentials: [401, "The credentials are not right."],
  forbidden: [403, "You may not do this."],
  not_found: [404, "There is nothing here."],
  no_such_user: [404, "There is no such user."],
  method_not_allowed: [405, "This method is not allowed here."],
  conflict: [409, "Somebody else has changed this in the meantime."],
  rate_limited: [429, "Too many requests. Please wait, then try again."],
  internal: [500, "Something went wrong on our side."],
  unavailable: [503, "The service is not available just now. Please try again shortly."],
} as const;

export type Refusal = keyof typeof refusals;

export const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response([204, 304].includes(status) ? null : JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
  });

export const refuse = (code: Refusal, extra: object = {}) => {
  const [status, message] = refusals[code];
  return json(status, { error: message, message, code, ...extra });
};

/** A refusal of any status, in the form of the contract. */
export const refuseWith = (status: number, headers?: Record<string, string>) => {
  const [code, [, message]] = Object.entries(refusals).find(([, [s]]) => s === status) ?? ["refused", [status, "Refused."]];
  return json(status, { success: false, error: message, message, code }, headers);
};
