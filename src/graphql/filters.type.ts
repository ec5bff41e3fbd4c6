import { GraphQLDateTime } from "graphql-scalars";
import { Field, ID, InputType } from "type-graphql";

@InputType({ description: "Filters by id." })
export class IdFilter {
  @Field(() => [ID], { nullable: true, description: "One of these ids, at most 100." })
  in?: string[] | null;
}

@InputType({ description: "Filters by user name." })
export class UsernameFilter {
  @Field(() => String, { nullable: true, description: "Exact match." })
  exact?: string | null;

  @Field(() => String, { nullable: true, description: "The whole text, in any case." })
  iexact?: string | null;
}

@InputType({ description: "Filters by e-mail address." })
export class EmailFilter {
  @Field(() => String, { nullable: true, description: "Part of the address, in any case." })
  icontains?: string | null;
}

@InputType({ description: "Filters by an instant." })
export class DateTimeFilter {
  @Field(() => GraphQLDateTime, { nullable: true })
  gt?: Date | null;

  @Field(() => GraphQLDateTime, { nullable: true })
  gte?: Date | null;

  @Field(() => GraphQLDateTime, { nullable: true })
  lt?: Date | null;

  @Field(() => GraphQLDateTime, { nullable: true })
  lte?: Date | null;
}
