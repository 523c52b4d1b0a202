// What the watch over ended sessions decides, without ejabberd: the brake with a clock of the test's, and the bytes of the
// questions to the relay.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { parseStill } from "../../../relay/still.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { needing } from "../../real/parts.ts";

const build = fileURLToPath(new URL("../../../infra/ejabberd/inspectord/build.sh", import.meta.url));

describe("the watch over ended sessions", () => {
  const { it, before } = needing("ejabberd");
  const directory = temporaryDirectory();

  before(() => {
    execFileSync("sh", [build, directory], { stdio: "ignore" });
  });

  /** Returns what Erlang prints of the value of these expressions, as bytes where it is a binary. */
  function erlang(expressions: string): Buffer {
    const program = `Value = begin ${expressions} end, case is_binary(Value) of true -> file:write(standard_io, Value); false -> io:format("~0p", [Value]) end, halt().`;
    return execFileSync("erl", ["-noinput", "-boot", "start_clean", "-eval", program], {
      env: { ...process.env, ERL_LIBS: directory, ERL_CRASH_DUMP_BYTES: "0" },
    });
  }
  const value = (expressions: string) => erlang(expressions).toString();

  /** A brake of 5 users and 50 %, ten seconds' window and a minute's hold, over 20 users: `Ended` at a second, `Status`. */
  const brake = `
    Options = #{percent => 50, least => 5, hold_ms => 60000, window_ms => 10000},
    Ids = fun(From, To) -> [{<<N>>, <<>>} || N <- lists:seq(From, To)] end,
    Of = fun(Count) -> fun(_) -> Count end end,
    Ended = fun(What, Seconds, Count, Brake) ->
                {Outcome, Next} = inspectord_brake:ended(What, Of(Count), Seconds * 1000, Brake),
                {case Outcome of {'end', Some} -> length(Some); Other -> Other end, Next}
            end,
    Tick = fun(Seconds, Brake) -> inspectord_brake:tick(Seconds * 1000, Brake) end,
    Status = fun inspectord_brake:status/1,
    New = inspectord_brake:new(Options),`;

  it("lets sessions end, one after the other and few at once", () => {
    assert.equal(
      value(`${brake}
        {First, B1} = Ended(Ids(1, 4), 0, 20, New),
        {Second, B2} = Ended(Ids(5, 8), 5, 20, B1),
        {Third, B3} = Ended(Ids(9, 12), 11, 20, B2),
        {First, Second, Third, Status(B3)}`),
      "{4,4,4,{open,0}}",
    );
  });

  it("brakes where both the least and the percentage are passed within the window, and neither alone", () => {
    assert.equal(
      value(`${brake}
        {Few, _} = Ended(Ids(1, 4), 0, 4, New),
        {Part, B1} = Ended(Ids(1, 9), 0, 20, New),
        {Both, B2} = Ended(Ids(10, 10), 9, 20, B1),
        {Later, B3} = Ended(Ids(11, 19), 10, 20, B1),
        {Same, _} = Ended(Ids(1, 9), 5, 20, B1),
        {Few, Part, Both, Status(B2), Later, Status(B3), Same}`),
      "{4,9,{braked,10,20},{held,1},9,{open,0},9}",
    );
  });

  it("does not brake for many sessions of few users", () => {
    assert.equal(
      value(`${brake}
        Sessions = fun(From, To) -> [{User, <<N>>} || User <- [<<"mallory">>, <<"eve">>], N <- lists:seq(From, To)] end,
        {First, B1} = Ended(Sessions(1, 50), 0, 4, New),
        {Second, B2} = Ended(Sessions(51, 100), 1, 4, B1),
        {Third, B3} = Ended(Ids(1, 2), 2, 4, B2),
        {Fourth, B4} = Ended(Ids(3, 3), 3, 4, B3),
        {First, Second, Third, Fourth, Status(B4)}`),
      "{100,100,2,{braked,5,4},{held,1}}",
    );
  });

  it("holds what ends meanwhile, lets go of what lives, and is off once nothing is held", () => {
    assert.equal(
      value(`${brake}
        {_, B1} = Ended(Ids(1, 10), 0, 20, New),
        {More, B2} = Ended(Ids(11, 12), 30, 20, B1),
        B3 = Tick(59, lists:foldl(fun inspectord_brake:live/2, B2, Ids(1, 11))),
        B4 = Tick(59, inspectord_brake:live({<<12>>, <<>>}, B3)),
        {More, Status(B2), Status(B3), inspectord_brake:is_held({<<1>>, <<>>}, B3), Status(B4)}`),
      "{held,{held,12},{held,1},false,{open,0}}",
    );
  });

  it("releases what is held after its time, or when told to, a few at a time, each in its turn", () => {
    assert.equal(
      value(`${brake}
        {_, B1} = Ended(Ids(1, 50), 0, 20, New),
        {None, _} = inspectord_brake:next(20, Tick(59, B1)),
        {First, B2} = inspectord_brake:next(20, Tick(60, B1)),
        {Second, B3} = inspectord_brake:next(20, B2),
        {Third, B4} = inspectord_brake:next(20, B3),
        {Again, _} = inspectord_brake:next(20, lists:foldl(fun inspectord_brake:live/2, B4, First)),
        {Told, _} = inspectord_brake:next(20, inspectord_brake:release(B1)),
        {None, [length(Part) || Part <- [First, Second, Third, Again, Told]],
         length(lists:usort(First ++ Second ++ Third)), [Id || Id <- Again, lists:member(Id, First)], Status(B4)}`),
      "{[],[20,20,10,20,20],50,[],{releasing,50}}",
    );
  });

  const login = "Login = fun(User, Password) -> {{User, <<0:128>>}, inspectord_secret:hide(Password)} end,";

  it("asks in bytes that the relay reads", () => {
    const bytes = erlang(
      `${login} Logins = [Login(<<"alice">>, <<"first0session0of0alice0000">>), Login(<<"zoë"/utf8>>, <<"session0of0zoe000000000000">>)],
      iolist_to_binary(inspectord_still:question(<<"example.org">>, Logins))`,
    );
    assert.deepEqual(parseStill(bytes), {
      server: "example.org",
      logins: ['["alice","first0session0of0alice0000"]', '["zoë","session0of0zoe000000000000"]'],
    });
  });

  it("asks at most 1000 logins and 60000 bytes at once, all of them in their order, and no login that is longer", () => {
    assert.equal(
      value(`${login}
        Host = <<"example.org">>,
        Short = [Login(integer_to_binary(N), <<"session0of0somebody0000000">>) || N <- lists:seq(1, 2500)],
        Long = [Login(integer_to_binary(N), binary:copy(<<"x">>, 29980)) || N <- lists:seq(1, 5)],
        Huge = [Login(<<"huge">>, binary:copy(<<"x">>, 60000))],
        Sizes = fun(Logins) -> [length(Batch) || Batch <- inspectord_still:batches(Host, Logins)] end,
        Bytes = fun(Logins) -> [iolist_size(inspectord_still:question(Host, Batch)) || Batch <- inspectord_still:batches(Host, Logins)] end,
        Users = [User || Batch <- inspectord_still:batches(Host, Short), {{User, _}, _} <- Batch],
        {Sizes(Short), Sizes(Long), lists:max(Bytes(Long)) =< 60000, Sizes(Huge), Sizes(Huge ++ Long), Sizes([]),
         Users =:= [User || {{User, _}, _} <- Short]}`),
      "{[1000,1000,500],[2,2,1],true,[],[2,2,1],[],true}",
    );
  });

  it("takes what is no answer to each login for unknown", () => {
    assert.equal(
      value(`[inspectord_still:answers(Answer, 3) || Answer <- [{still, <<"10?">>}, {still, <<"1x0">>}, {still, <<"10">>},
        {still, <<"1011">>}, {still, <<>>}, yes, no, unknown]]`),
      `[[live,ended,unknown],[live,unknown,ended]${",[unknown,unknown,unknown]".repeat(6)}]`,
    );
  });

  it("prints no secret", () => {
    const printed = value(
      'io_lib:format("~p ~w", [inspectord_secret:hide(<<"session0of0alice">>), {state, inspectord_secret:hide(<<"session0of0alice">>)}])',
    );
    assert.doesNotMatch(printed, /session0of0alice|115,101,115/);
  });
});
