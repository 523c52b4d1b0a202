// A plugin of osls: what is said and checked before a deployment changes anything. The build emits it as
// dist/infra/preflight.cjs.

import type { Settings } from "./settings.ts";

/** The part of osls that is used here. */
interface Serverless {
  readonly service: { readonly custom: { readonly settings: Settings } };
  readonly getProvider: (name: "aws") => { readonly getAccountId: () => Promise<string> };
}
interface Utilities {
  readonly log: { readonly notice: (line: string) => void };
}

export default class Preflight {
  readonly hooks: Readonly<Record<string, () => Promise<void>>>;

  constructor(serverless: Serverless, _options: unknown, { log }: Utilities) {
    this.hooks = {
      "before:deploy:deploy": async () => {
        const { plan, arns } = serverless.service.custom.settings;
        for (const line of plan) log.notice(line);
        const problems = problemsOfAccount(arns, await serverless.getProvider("aws").getAccountId());
        // The message alone is shown: where it was thrown helps nobody.
        const message = problems.join("\n");
        if (problems.length > 0) throw Object.assign(new Error(message), { stack: message });
      },
    };
  }
}

/** Returns what is wrong with these ARNs of the parameters, by their names, for a deployment into this account. */
export function problemsOfAccount(arns: Readonly<Record<string, string>>, account: string): string[] {
  return Object.entries(arns)
    .filter(([, arn]) => arn.split(":")[4] !== account)
    .map(([name]) => `${name} is of another account than ${account}, which the credentials are of`);
}
