// The few forms of CloudFormation's template language that the deployment's parts share.

/** A value of a template: as it is, or an intrinsic function that CloudFormation replaces. */
export type Value = unknown;

export interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, Value>>;
}

/** By their logical ids. */
export type Resources = Readonly<Record<string, Resource>>;

/** Returns a text in which CloudFormation replaces `${NAME}`. */
export function sub(text: string): Value {
  return { "Fn::Sub": text };
}

export function attributeOf(resource: string, attribute: string): Value {
  return { "Fn::GetAtt": [resource, attribute] };
}

/** Returns an ARN of the account and region of the deployment. */
export function arn(service: string, resource: string): Value {
  return sub(`arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${resource}`);
}
