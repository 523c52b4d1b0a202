// A login that nobody makes, once a minute: its verdict shows that the function runs and that its store answers, also at
// night. It asks the function itself: API Gateway is not on its way.

import { attributeOf, type Resources } from "./cloudformation.ts";

/** Returns what asks the function of POST /auth. `servedHost`: one of its XMPP hosts. */
export function canary(stage: string, servedHost: string): Resources {
  const login = {
    op: "auth",
    user: "inspectord-canary",
    server: servedHost,
    // A well-formed session id that no site gives out: the store is asked, and has none.
    password: "inspectord0canary0inspectord0canary",
  };
  return {
    CanaryRule: {
      Type: "AWS::Events::Rule",
      Properties: {
        Description: `Asks inspectord-${stage} for a login that is refused, so that its silence is noticed.`,
        ScheduleExpression: "rate(1 minute)",
        Targets: [
          {
            Id: "login",
            Arn: attributeOf("AuthLambdaFunction", "Arn"),
            Input: JSON.stringify({
              body: JSON.stringify(login),
              isBase64Encoded: false,
              requestContext: {},
            }),
          },
        ],
      },
    },
    CanaryPermission: {
      Type: "AWS::Lambda::Permission",
      Properties: {
        FunctionName: attributeOf("AuthLambdaFunction", "Arn"),
        Action: "lambda:InvokeFunction",
        Principal: "events.amazonaws.com",
        SourceArn: attributeOf("CanaryRule", "Arn"),
      },
    },
  };
}
