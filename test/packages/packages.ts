// `npm run test:packages`: what `npm run package` makes, installed, upgraded and purged in Debian's releases, the unit run by
// a real systemd, and the image run. Takes root, and Debian's mirror for what is not there yet.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { stopProcess } from "../../infra/local/process.ts";
import { frame } from "../../infra/local/relay-caller.ts";
import { writeDebianPackage } from "../../infra/packages/debian-package.ts";
import { hostFiles } from "../../infra/packages/host-files.ts";
import { imageUser } from "../../infra/packages/image.ts";
import { readRelease } from "../../infra/packages/release.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { installParts } from "../real/parts.ts";
import { findRoot, releases, ScratchRoot } from "./roots.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));
const output = join(project, "dist/packages");
const release = readRelease(project, Date.now());
const { version } = release;
const debName = `inspectord_${version}_amd64.deb`;
/** Where the packages of the tests lie, under the same path in every root. */
const shelf = temporaryDirectory();
const laterVersion = "99.0.0";
const settings = "/etc/inspectord/relay.env";
const url = "https://abc.execute-api.eu-central-1.amazonaws.com/auth";

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: project,
    encoding: "utf8",
    env: { ...process.env, ...env },
    maxBuffer: 1 << 26,
  });
  assert.equal(status, 0, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}

const makePackages = (env: Readonly<Record<string, string>> = {}) =>
  run("npm", ["run", "--silent", "package"], env);

before(() => {
  const isComplete = installParts(["root", "packaging"], (line) => process.stdout.write(`${line}\n`));
  assert.ok(isComplete);
  makePackages();
  cpSync(join(output, debName), join(shelf, debName));
  writeDebianPackage({
    release: { ...release, version: laterVersion },
    architecture: "amd64",
    files: hostFiles(project, { ...release, version: laterVersion }),
    scripts: join(project, "infra/packages/debian"),
    staging: mkdtempSync(join(shelf, "staging-")),
    output: join(shelf, "later.deb"),
  });
});

describe("the packages", () => {
  it("are Debian's for two architectures, an archive, an image for each, notices and checksums", () => {
    assert.deepEqual(readdirSync(output).toSorted(), [
      "SHA256SUMS",
      "THIRD-PARTY-NOTICES.txt",
      `inspectord-${version}.tar.gz`,
      `inspectord-relay-${version}-amd64.oci.tar`,
      `inspectord-relay-${version}-arm64.oci.tar`,
      `inspectord_${version}_amd64.deb`,
      `inspectord_${version}_arm64.deb`,
    ]);
    run("sh", ["-c", `cd ${output} && sha256sum --quiet --check SHA256SUMS`]);
    for (const deb of packagesOf("deb"))
      assert.equal(run("dpkg-deb", ["--field", deb, "Version"]).trim(), version);
  });

  it("are the same bytes when they are made again, whatever umask and time zone say", () => {
    const names = readdirSync(output).filter((name) => /\.(deb|gz)$/.test(name));
    assert.equal(names.length, 3);
    const first = new Map(names.map((name) => [name, readFileSync(join(output, name))]));
    const copy = temporaryDirectory();
    cpSync(output, copy, { recursive: true });
    try {
      run("sh", ["-c", "umask 077; npm run --silent package -- deb tarball"], {
        TZ: "Asia/Tokyo",
        LANG: "C",
      });
      for (const [name, bytes] of first) assert.ok(bytes.equals(readFileSync(join(output, name))), name);
    } finally {
      // The second build has swept the images away.
      cpSync(copy, output, { recursive: true });
    }
  });

  it("are without fault to lintian, but for the settings that only root reads", () => {
    const debs = packagesOf("deb");
    const said = run("lintian", ["--allow-root", "--show-overrides", ...debs]);
    const lines = said.split("\n").filter((line) => /^[A-Z]: inspectord/.test(line));
    for (const line of lines) {
      assert.equal(line, `O: inspectord: non-standard-file-perm 0600 != 0644 [${settings.slice(1)}]`);
    }
  });

  it("have manual pages that the formatter takes without a word", () => {
    const folder = temporaryDirectory();
    run("dpkg-deb", ["--extract", join(output, debName), folder]);
    const pages = readdirSync(join(folder, "usr/share/man"), { recursive: true, encoding: "utf8" }).filter(
      (name) => name.endsWith(".gz"),
    );
    assert.deepEqual(pages.toSorted(), [
      "man1/inspectord-inspect.1.gz",
      "man8/inspectord-doctor.8.gz",
      "man8/inspectord-relay.8.gz",
    ]);
    for (const page of pages) {
      run("sh", ["-c", `zcat ${join(folder, "usr/share/man", page)} > ${folder}/page`]);
      assert.equal(run("mandoc", ["-T", "lint", "-W", "warning", join(folder, "page")]), "", page);
    }
  });

  it("have the archive's folders as the guides have them", () => {
    const listed = run("tar", ["--list", "--file", join(output, `inspectord-${version}.tar.gz`)]).split("\n");
    for (const path of [
      ...["dist/relay.mjs", "dist/doctor.mjs", "dist/inspect.mjs", "infra/ejabberd/inspectord/build.sh"],
      ...[
        "infra/ejabberd/inspectord-relay.service",
        "infra/php/inspectord.php",
        "docs/chat-host.md",
        "LICENSE",
      ],
      ...["dist/THIRD-PARTY-NOTICES.txt", "man/man8/inspectord-relay.8"],
    ]) {
      assert.ok(listed.includes(`inspectord-${version}/${path}`), path);
    }
  });
});

function packagesOf(ending: string): string[] {
  return readdirSync(output)
    .filter((name) => name.endsWith(`.${ending}`))
    .map((name) => join(output, name));
}

for (const debian of releases) {
  describe(`the package in Debian ${debian}`, () => {
    let root: ScratchRoot;
    /** All files and directories but dpkg's own and its logs. */
    const everything = `find / -xdev \\( -path ${shelf} -o -path /proc -o -path /dev -o -path /run -o -path /var/lib/dpkg -o -path /var/log \\
      -o -path /var/cache \\) -prune -o -print | sort`;
    let untouched: string[];
    const inside = (script: string) => root.inside(script, [shelf]);
    const install = (name: string) => inside(`dpkg --install ${shelf}/${name} 2>&1`);
    const application = "set -- /usr/lib/*/inspectord/ebin";

    before(() => {
      root = new ScratchRoot(findRoot(debian), temporaryDirectory());
      // dpkg's and adduser's copies of what they change.
      inside("touch /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-");
      untouched = inside(everything).split("\n");
    });

    it("installs, with a user of its own in ejabberd's group, and settings for root alone", () => {
      install(debName);
      assert.equal(inside(`stat -c '%a %U %G' ${settings}`).trim(), "600 root root");
      assert.equal(inside("id -gn inspectord").trim(), "ejabberd");
      assert.match(inside("getent passwd inspectord"), /:\/nonexistent:\/usr\/sbin\/nologin$/m);
      const wanted = "/etc/systemd/system/multi-user.target.wants/inspectord-relay.service";
      assert.equal(inside(`test -e ${wanted} && echo enabled`).trim(), "enabled");
      assert.equal(inside("dpkg --verify inspectord"), "");
    });

    it("has programs that this release's Node runs", () => {
      assert.equal(inside("inspectord-relay --version").trim(), `inspectord-relay ${version}`);
      for (const name of ["inspectord-relay", "inspectord-doctor", "inspectord-inspect"]) {
        assert.match(inside(`${name} --help`), /^usage: /, name);
      }
      assert.match(inside("inspectord-relay doctor --help"), /^usage: doctor\.mjs/);
    });

    it("has the Erlang application, built for this release's ejabberd", () => {
      const loads = `${application}; export ERL_LIBS="$(dirname "$(dirname "$1")")"
        erl -noinput -eval "ok = application:load(inspectord), {ok, V} = application:get_key(inspectord, vsn),
          {ok, Ms} = application:get_key(inspectord, modules), [{module, M} = code:load_file(M) || M <- Ms],
          io:put_chars(V), halt()."`;
      assert.equal(inside(loads).trim(), version);
    });

    it("keeps the operator's settings and their mode when it is upgraded", () => {
      inside(`echo INSPECTORD_URL=${url} >> ${settings}`);
      const before = inside(`cat ${settings}`);
      const said = install("later.deb");
      assert.match(said, /Setting up inspectord \(99\.0\.0\)/);
      assert.equal(inside(`cat ${settings}`), before);
      assert.equal(inside(`stat -c '%a %U' ${settings}`).trim(), "600 root");
      assert.match(inside(`${application}; ls "$1"`), /inspectord_sup\.beam/);
    });

    it("leaves the settings when it is removed, and takes the application with it", () => {
      inside("dpkg --remove inspectord");
      assert.equal(inside(`stat -c '%a' ${settings}`).trim(), "600");
      assert.equal(inside(`${application}; test -e "$1" || echo gone`).trim(), "gone");
    });

    it("leaves nothing when it is purged", () => {
      install(debName);
      inside("echo chat:secret > /etc/inspectord/http-secret");
      inside("dpkg --purge inspectord");
      assert.equal(inside("getent passwd inspectord || echo gone").trim(), "gone");
      const left = inside(everything).split("\n");
      assert.deepEqual(
        left.filter((path) => !untouched.includes(path)),
        [],
      );
      assert.deepEqual(
        untouched.filter((path) => !left.includes(path)),
        [],
      );
    });

    it("builds the application once there is an ejabberd", () => {
      inside("mv /usr/sbin/ejabberdctl /usr/sbin/absent");
      install(debName);
      assert.equal(inside(`${application}; test -e "$1" || echo absent`).trim(), "absent");
      inside("mv /usr/sbin/absent /usr/sbin/ejabberdctl");
      // As dpkg does when it installs a file of that path.
      inside(
        "dpkg-trigger --no-await --by-package=ejabberd /usr/sbin/ejabberdctl && dpkg --configure --pending",
      );
      assert.match(inside(`${application}; ls "$1"`), /inspectord\.app/);
    });
  });
}

describe("the unit under a real systemd", () => {
  it("waits for its URL, serves ejabberd's module, is restarted by an upgrade and stopped by a removal", () => {
    const root = new ScratchRoot(findRoot("bookworm"), temporaryDirectory());
    const api = `
      require("node:http").createServer((request, response) => {
        let body = "";
        request.on("data", (chunk) => (body += chunk)).on("end", () => {
          const { password, nonce } = JSON.parse(body);
          const allow = password === "good0session0of0alice00000";
          response.end(JSON.stringify({ allow, ...(allow ? {} : { reason: "no-session" }), nonce, isuser: "all" }));
        });
      }).listen(8080, "127.0.0.1");`;
    const steps = `
      set -e
      fact() { echo "FACT $*"; }
      relay_state() { fact "$1" "$(systemctl is-active inspectord-relay || true)"; }
      export DEBIAN_FRONTEND=noninteractive
      dpkg --install ${shelf}/${debName}
      fact skipped "$(systemctl show -P Result inspectord-relay)" "$(systemctl show -P NRestarts inspectord-relay)"
      relay_state installed
      echo INSPECTORD_URL=http://127.0.0.1:8080/auth >> ${settings}
      printf 'AWS_REGION=eu-central-1\\nAWS_ACCESS_KEY_ID=a\\nAWS_SECRET_ACCESS_KEY=b\\n' >> ${settings}
      systemd-run --quiet --unit=api node /root/api.js
      systemctl start inspectord-relay
      sed -i 's/^  - localhost$/  - localhost/; /^auth_method/d' /etc/ejabberd/ejabberd.yml
      printf 'auth_method: [inspectord]\\nauth_use_cache: false\\n' >> /etc/ejabberd/ejabberd.yml
      systemctl restart ejabberd
      for i in $(seq 100); do ejabberdctl status >/dev/null 2>&1 && break; sleep 0.5; done
      relay_state started
      fact socket "$(stat -c '%a %U %G' /run/inspectord/relay.sock)"
      if ejabberdctl check_password alice localhost good0session0of0alice00000 >/dev/null 2>&1; then fact good yes; else fact good no; fi
      if ejabberdctl check_password alice localhost bad00session0of0alice00000 >/dev/null 2>&1; then fact bad yes; else fact bad no; fi
      journalctl --no-pager --lines=5 --unit=inspectord-relay
      pid=$(systemctl show -P MainPID inspectord-relay)
      dpkg --install ${shelf}/later.deb
      relay_state upgraded
      [ "$pid" = "$(systemctl show -P MainPID inspectord-relay)" ] || fact restarted
      if ejabberdctl check_password alice localhost good0session0of0alice00000 >/dev/null 2>&1; then fact good-again yes; else fact good-again no; fi
      dpkg --purge inspectord
      relay_state purged
      [ -e /run/inspectord ] || fact clean`;
    // A machine of its own, without this one's network; it is told to power off, and its leader ended if it does not.
    const script = `
      # What it keeps of a machine ends with this namespace.
      mkdir -p /run/systemd
      mount -t tmpfs tmpfs /run/systemd
      cat > $ROOT/root/api.js <<'END'
${api}
END
      cat > $ROOT/root/steps.sh <<'END'
${steps}
END
      systemd-nspawn --quiet --register=no --keep-unit --private-network --bind-ro=${shelf} --directory=$ROOT \\
        --boot systemd.unit=multi-user.target > $ROOT/boot.log 2>&1 < /dev/null &
      nspawn=$!
      # The shell of this script is the first process of its own pid namespace.
      mount -t proc proc /proc
      leader=
      for i in $(seq 120); do
        leader=$(cat /proc/$nspawn/task/$nspawn/children 2>/dev/null | tr ' ' '\\n' | head -n 1)
        state=
        [ -z "$leader" ] || state=$(nsenter --target $leader --all -- systemctl is-system-running 2>/dev/null) || true
        case "$state" in running | degraded) break ;; esac
        sleep 1
      done
      set +e
      nsenter --target $leader --all -- sh /root/steps.sh > $ROOT/steps.log 2>&1
      echo "FACT ended $?"
      cat $ROOT/steps.log
      kill -s TERM $nspawn
      for i in $(seq 30); do kill -0 $nspawn 2>/dev/null || break; sleep 1; done
      kill -s KILL $nspawn 2>/dev/null
      wait $nspawn
      tail -n 5 $ROOT/boot.log
      exit 0`;
    const said = root.around(script);
    const facts = [...said.matchAll(/^FACT (.*)$/gm)].map(([, fact]) => fact);
    assert.deepEqual(
      facts,
      [
        "ended 0",
        "skipped exec-condition 0",
        "installed inactive",
        "started active",
        "socket 660 inspectord ejabberd",
        "good yes",
        "bad no",
        "upgraded active",
        "restarted",
        "good-again yes",
        "purged inactive",
        "clean",
      ],
      said,
    );
  });
});

describe("the image", () => {
  const folder = temporaryDirectory();
  const store = [
    "--root",
    join(folder, "store"),
    "--runroot",
    join(folder, "run"),
    "--storage-driver",
    "vfs",
  ];
  const buildah = (...args: string[]) =>
    run("buildah", [...store, ...args], { BUILDAH_ISOLATION: "chroot" }).trim();
  let container: string;

  before(() => {
    const archive = join(output, `inspectord-relay-${version}-amd64.oci.tar`);
    container = buildah("from", `oci-archive:${archive}`);
  });
  after(() => {
    if (container !== undefined) buildah("rm", container);
  });

  it("says what it runs, by whom, and where its socket lies", () => {
    const { OCIv1: image } = JSON.parse(buildah("inspect", container));
    assert.equal(image.architecture, "amd64");
    assert.equal(image.config.User, `${imageUser.uid}:${imageUser.gid}`);
    assert.deepEqual(image.config.Entrypoint, ["/usr/bin/node", "/usr/lib/inspectord/relay.mjs"]);
    assert.deepEqual(Object.keys(image.config.Volumes), ["/run/inspectord"]);
    assert.equal(image.config.Labels["org.opencontainers.image.version"], version);
  });

  it("runs on another architecture by what it says of itself", () => {
    const archive = join(output, `inspectord-relay-${version}-arm64.oci.tar`);
    const other = buildah("from", "--arch", "arm64", `oci-archive:${archive}`);
    try {
      assert.equal(JSON.parse(buildah("inspect", other)).OCIv1.architecture, "arm64");
      const place = buildah("mount", other);
      // ELF: 0xb7 is AArch64.
      assert.equal(readFileSync(join(place, "usr/bin/node")).readUInt16LE(18), 0xb7);
    } finally {
      buildah("rm", other);
    }
  });

  it("has the licences of what is in it", () => {
    const place = buildah("mount", container);
    for (const path of ["usr/lib/inspectord/LICENSE", "usr/lib/inspectord/THIRD-PARTY-NOTICES.txt"]) {
      assert.ok(existsSync(join(place, path)), path);
    }
    for (const name of ["nodejs", "libc6", "openssl"]) {
      assert.ok(existsSync(join(place, "usr/share/doc", name, "copyright")), name);
    }
  });

  it("serves a socket in a shared folder to ejabberd's group, and to nobody else", async () => {
    const shared = join(folder, "shared");
    mkdirSync(shared);
    const { uid, gid } = imageUser;
    run("chown", [`${uid}:${gid}`, shared]);
    run("chmod", ["750", shared]);
    // The image's folder is on the way to it for another user.
    for (const path of [folder]) run("chmod", ["755", path]);
    const child = spawn(
      "buildah",
      [
        ...store,
        ...[
          "run",
          "--isolation",
          "chroot",
          "--user",
          `${uid}:${gid}`,
          "--volume",
          `${shared}:/run/inspectord`,
        ],
        ...[container, "--", "/usr/bin/node", "/usr/lib/inspectord/relay.mjs"],
        ...["http://127.0.0.1:1/auth", "--region", "eu-central-1", "--listen", "/run/inspectord/relay.sock"],
      ],
      { env: { ...process.env, BUILDAH_ISOLATION: "chroot" }, stdio: ["ignore", "pipe", "pipe"] },
    );
    let log = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (log += text));
    const exit = once(child, "exit");
    try {
      const socket = join(shared, "relay.sock");
      for (let tries = 0; !existsSync(socket) || !log.includes("listening"); tries++) {
        assert.ok(tries < 600, log);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.equal(run("stat", ["-c", "%a %u %g", socket]).trim(), `660 ${uid} ${gid}`);
      writeFileSync(join(folder, "ask.mjs"), askSocket);
      const ask = (user: number, group: number) =>
        spawnSync(
          "setpriv",
          [
            ...[`--reuid=${user}`, `--regid=${group}`, "--clear-groups", process.execPath],
            ...[
              join(folder, "ask.mjs"),
              socket,
              frame("auth:alice:localhost:nobody0has0this0session0").toString("hex"),
            ],
          ],
          { encoding: "utf8" },
        ).stdout.trim();
      assert.equal(ask(9_001, gid), "00020000");
      assert.equal(ask(9_001, 9_001), "EACCES");
    } finally {
      await stopProcess(child);
      await exit;
    }
  });
});

/** Asks the socket of the first argument the frame of the second, and prints the answer or the error's code. */
const askSocket = `
import { connect } from "node:net";
const [, , path, question] = process.argv;
const socket = connect(path, () => socket.write(Buffer.from(question, "hex")));
socket.on("data", (answer) => { console.log(answer.toString("hex")); socket.destroy(); });
socket.on("error", (error) => console.log(error.code));
`;
