// A real WordPress, Debian's, with our plugin among its must-use plugins, served by PHP's own web server; and a person who
// uses it with a browser's cookies.

import { copyFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { canConnect, freePort } from "../../infra/local/ports.ts";
import { startProcess } from "../../infra/local/process.ts";
import { temporaryDirectory } from "./directory.ts";
import type { SqlServer } from "./mariadb.ts";
import { wordpressDirectory } from "./parts.ts";
import { runPhp } from "./php.ts";

const infra = fileURLToPath(new URL("../../infra/php", import.meta.url));

export const wordpressPassword = "a good password, long enough 42";

const secretNames = ["AUTH", "SECURE_AUTH", "LOGGED_IN", "NONCE"].flatMap((name) => [
  `${name}_KEY`,
  `${name}_SALT`,
]);

export interface WordPress {
  readonly url: string;
  /** wp-content/mu-plugins */
  readonly plugins: string;
  /** Writes wp-config.php anew, with other constants than before. */
  configure(settings: Readonly<Record<string, string>>): void;
  /** Runs PHP code in this WordPress, with `$in`, where nobody is logged in; returns what it prints. */
  run(code: string, input?: unknown): Promise<string>;
  /** What PHP's web server and WordPress have written to the error log so far. */
  log(): string;
  stop(): Promise<void>;
}

/** Installs it in this database, with the user "admin", and starts it. `settings` are constants of wp-config.php. */
export async function startWordPress(
  database: SqlServer,
  settings: Readonly<Record<string, string>>,
): Promise<WordPress> {
  const directory = temporaryDirectory();
  const root = join(directory, "site");
  cpSync(wordpressDirectory, root, { recursive: true, dereference: true });
  const content = join(root, "wp-content");
  const plugins = join(content, "mu-plugins");
  // As docs/frameworks.md says.
  mkdirSync(join(plugins, "inspectord"), { recursive: true });
  copyFileSync(join(infra, "wordpress", "inspectord.php"), join(plugins, "inspectord.php"));
  copyFileSync(join(infra, "inspectord.php"), join(plugins, "inspectord", "inspectord.php"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const configure = (constants: Readonly<Record<string, string>>) => {
    const lines = Object.entries({
      ...{ DB_NAME: "site", DB_USER: "wordpress", DB_PASSWORD: "", DB_HOST: `127.0.0.1:${database.port}` },
      ...{ WP_HOME: url, WP_SITEURL: url, WP_CONTENT_DIR: content },
      ...Object.fromEntries(secretNames.map((name) => [name, `${name} of this site alone`])),
      ...constants,
    }).map(([name, value]) => `define(${phpText(name)}, ${phpText(value)});`);
    writeFileSync(
      join(root, "wp-config.php"),
      `<?php
${lines.join("\n")}
// Nothing outside this machine is asked, and no request starts another.
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('DISABLE_WP_CRON', true);
$table_prefix = 'wp_';
require_once ABSPATH . 'wp-settings.php';
`,
    );
  };
  configure(settings);
  database.run("CREATE USER wordpress@127.0.0.1; GRANT ALL ON site.* TO wordpress@127.0.0.1;");
  runPhp(
    `$_SERVER += ["HTTP_HOST" => "127.0.0.1:${port}", "REQUEST_METHOD" => "GET", "REQUEST_URI" => "/"];` +
      `define("WP_INSTALLING", true); require ${phpText(join(root, "wp-load.php"))};` +
      'require ABSPATH . "wp-admin/includes/upgrade.php"; add_filter("pre_wp_mail", "__return_true");' +
      'wp_install("A site", "admin", "admin@example.org", false, "", stream_get_contents(STDIN));',
    {},
    wordpressPassword,
  );
  writeFileSync(
    join(root, "run.php"),
    "<?php require 'wp-load.php'; $in = json_decode(wp_unslash($_POST['in']), true); eval(wp_unslash($_POST['code']));",
  );
  const run = async (code: string, input: unknown = null) => {
    const body = new URLSearchParams({ code, in: JSON.stringify(input) });
    const response = await fetch(`${url}/run.php`, { method: "POST", body });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`WordPress failed at ${code}: ${text.slice(0, 500)}\n${server.output().slice(-500)}`);
    return text;
  };
  const server = await startProcess({
    command: "php",
    // A wp-config.php that was just changed counts at once.
    args: [
      "-d",
      "display_errors=0",
      "-d",
      "opcache.revalidate_freq=0",
      "-S",
      `127.0.0.1:${port}`,
      "-t",
      root,
    ],
    isReady: () => canConnect(port),
  });
  return {
    url,
    plugins,
    configure,
    run,
    log: () => server.output(),
    stop: () => server.stop(),
  };
}

function phpText(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}

const patterns = { "": /^wordpress_[0-9a-f]{32}$/, logged_in: /^wordpress_logged_in_[0-9a-f]{32}$/ };

/** Somebody with a browser of their own, which keeps cookies by their names and paths. */
export class Visitor {
  readonly #url: string;
  readonly #cookies = new Map<
    string,
    { readonly name: string; readonly value: string; readonly path: string }
  >();

  constructor({ url }: WordPress) {
    this.#url = url;
  }

  /** Asks for a page; a form where there are fields. Follows no redirect. */
  async ask(path: string, fields?: Readonly<Record<string, string>>, headers: Record<string, string> = {}) {
    const { pathname } = new URL(path, this.#url);
    const cookies = [...this.#cookies.values()].filter((cookie) => pathname.startsWith(cookie.path));
    const response = await fetch(this.#url + path, {
      ...(fields && { method: "POST", body: new URLSearchParams(fields) }),
      headers: { Cookie: cookies.map(({ name, value }) => `${name}=${value}`).join("; "), ...headers },
      redirect: "manual",
    });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    return { status: response.status, text: await response.text(), headers: response.headers };
  }

  /** Logs in by WordPress' own form. Returns whether WordPress let them in. */
  async logIn(user: string, password = wordpressPassword): Promise<boolean> {
    this.#keep("wordpress_test_cookie=WP%20Cookie%20check; path=/");
    const { status } = await this.ask("/wp-login.php", { log: user, pwd: password, testcookie: "1" });
    return status === 302 && this.cookie("logged_in") !== undefined;
  }

  /** Follows the page's own link "Log Out". */
  async logOut(): Promise<void> {
    const { text } = await this.ask("/wp-admin/profile.php");
    const [, query = ""] = /wp-login\.php\?(action=logout[^"']*)/.exec(text) ?? [];
    await this.ask(`/wp-login.php?${query.replaceAll("&amp;", "&").replaceAll("&#038;", "&")}`);
  }

  /** Returns the page's answer to the request for a ticket. */
  async ticket(
    headers: Record<string, string> = {},
  ): Promise<{ status: number; jid?: string; password?: string }> {
    const { status, text } = await this.ask("/wp-admin/admin-ajax.php?action=inspectord_ticket", undefined, {
      "Sec-Fetch-Site": "same-origin",
      ...headers,
    });
    return { status, ...JSON.parse(text) };
  }

  /** Returns a cookie's value by the kind in its name: "logged_in", or "" for the one of the dashboard. */
  cookie(kind: "logged_in" | ""): string | undefined {
    return [...this.#cookies.values()].find(({ name }) => patterns[kind].test(name))?.value;
  }

  /** Returns the session token in the cookie: USER|EXPIRATION|TOKEN|HMAC. */
  token(): string {
    return decodeURIComponent(this.cookie("logged_in") ?? "").split("|")[2] ?? "";
  }

  /** Takes this visitor's cookies as they are now, into a browser of its own: somebody has copied them. */
  copy(): Visitor {
    const other = new Visitor({ url: this.#url } as WordPress);
    for (const [key, cookie] of this.#cookies) other.#cookies.set(key, cookie);
    return other;
  }

  /** Takes a cookie of this kind from another browser, in place of the own one. */
  takeCookie(kind: "logged_in" | "", from: Visitor): void {
    for (const [key, cookie] of from.#cookies) {
      if (patterns[kind].test(cookie.name)) this.#cookies.set(key, cookie);
    }
  }

  #keep(line: string): void {
    const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
    const at = pair.indexOf("=");
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    const path = attributes.find((part) => /^path=/i.test(part))?.slice("path=".length) ?? "/";
    const isGone = value === "" || value === "%20" || value === "+";
    if (isGone) this.#cookies.delete(`${name} ${path}`);
    else this.#cookies.set(`${name} ${path}`, { name, value, path });
  }
}
