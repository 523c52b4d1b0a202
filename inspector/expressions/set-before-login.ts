// Names that a framework puts into the session before it knows who the visitor is: a visitor who types a name into its
// login form has it there, whatever the password. Such a name proves nothing, so no expression may read one.

const setBeforeLogin: Readonly<Record<string, string>> = {
  // Symfony: Security/Http/SecurityRequestAttributes.php, LAST_USERNAME.
  "_security.last_username": "Symfony sets it before it checks the password",
  // Laravel: Illuminate/Http/RedirectResponse.php, withInput().
  _old_input: "Laravel keeps there what the visitor typed into a form",
};

/** Returns what is wrong with an expression that reads such a name, or undefined. */
export function problemOfNamesIn(expression: string): string | undefined {
  const text = expression.replace(/\\u([0-9A-Fa-f]{4})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  const name = Object.keys(setBeforeLogin).find((known) => text.includes(known));
  return name === undefined ? undefined : `it must not read ${name}: ${setBeforeLogin[name]}`;
}
