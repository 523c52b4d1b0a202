// Commands in namespaces of their own: what they mount is seen by nobody else, and all of their processes end with the
// first one. So nothing of a test is left behind, however it ends.

/** What is apart from the rest of the machine beside mounts and processes. */
export interface Namespace {
  /** No network but a loopback of its own, whose ports are all free. */
  readonly network?: true;
}

/**
 * Returns the command line that runs this script of the shell, with these arguments as "$0", "$1" and so on. The script
 * stays the first process of its namespace: `exec` nothing in it that does not wait for orphans.
 */
export function inNamespace(script: string, args: readonly string[], namespace: Namespace = {}): string[] {
  return [
    // Ends unshare with this process, and the namespace with unshare.
    ...["setpriv", "--pdeathsig", "KILL"],
    ...["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"],
    ...(namespace.network ? ["--net"] : []),
    ...["sh", "-c", namespace.network ? `ip link set lo up && ${script}` : script],
    ...args,
  ];
}
