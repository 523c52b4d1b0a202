// Faults that can be planted in a source file: one changed place each, of the kinds that people make.

import {
  isArrowFunction,
  isBinaryExpression,
  isConditionalExpression,
  isExpressionStatement,
  isIfStatement,
  isImportDeclaration,
  isNumericLiteral,
  isPrefixUnaryExpression,
  isRegularExpressionLiteral,
  isReturnStatement,
  isStringLiteral,
  isThrowStatement,
  isTypeNode,
  type Node,
  type SourceFile,
  SyntaxKind,
} from "typescript/unstable/ast";

/** Text in place of the text from here to there, in UTF-16 units. */
export interface Fault {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** What stands for what: a limit by one, a condition the other way round, one side of two. */
const operators: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
  "&&": "||",
  "||": "&&",
  "??": "&&",
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*",
  "%": "*",
  "&": "|",
  "|": "&",
  ">>>": "<<",
  "<<": ">>>",
  "^": "&",
  "+=": "-=",
  "-=": "+=",
  "*=": "/=",
};

/** Returns every fault that can be planted here, in the order of their places. Types and imports are left alone. */
export function faultsIn(source: SourceFile): Fault[] {
  const faults: Fault[] = [];
  const plant = (node: Node, text: string) =>
    faults.push({ from: node.getStart(source), to: node.end, text });
  const textOf = (node: Node) => node.getText(source);

  function visit(node: Node): void {
    if (isTypeNode(node) || isImportDeclaration(node)) return;
    if (isBinaryExpression(node)) {
      const other = operators[textOf(node.operatorToken)];
      if (other !== undefined) plant(node.operatorToken, other);
    } else if (isPrefixUnaryExpression(node) && node.operator === SyntaxKind.ExclamationToken) {
      plant(node, textOf(node.operand));
    } else if (isNumericLiteral(node)) {
      plant(node, `(${textOf(node)} + 1)`);
    } else if (isStringLiteral(node) && node.text !== "") {
      plant(node, '""');
    } else if (isRegularExpressionLiteral(node)) {
      for (const fault of withoutAnchors(node, source)) faults.push(fault);
    } else if (node.kind === SyntaxKind.TrueKeyword) {
      plant(node, "false");
    } else if (node.kind === SyntaxKind.FalseKeyword) {
      plant(node, "true");
    } else if (isConditionalExpression(node)) {
      plant(node, `(${textOf(node.whenTrue)})`);
      plant(node, `(${textOf(node.whenFalse)})`);
    } else if (isIfStatement(node)) {
      plant(node.expression, "true");
      plant(node.expression, "false");
    } else if (isExpressionStatement(node) || isThrowStatement(node)) {
      plant(node, ";");
    } else if (isReturnStatement(node) && node.expression !== undefined) {
      plant(node.expression, "undefined as never");
    } else if (node.kind === SyntaxKind.BreakStatement || node.kind === SyntaxKind.ContinueStatement) {
      plant(node, ";");
    } else if (isArrowFunction(node) && !textOf(node.body).startsWith("{")) {
      plant(node.body, "undefined as never");
    }
    node.forEachChild(visit);
  }
  visit(source);
  return faults;
}

/** What is left of a pattern that is no longer held to its beginning, or to its end. */
function withoutAnchors(node: Node, source: SourceFile): Fault[] {
  const text = node.getText(source);
  const from = node.getStart(source);
  const last = text.lastIndexOf("/") - 1;
  const faults: Fault[] = [];
  if (text.startsWith("/^")) faults.push({ from: from + 1, to: from + 2, text: "" });
  if (text[last] === "$" && text[last - 1] !== "\\") {
    faults.push({ from: from + last, to: from + last + 1, text: "" });
  }
  return faults;
}
