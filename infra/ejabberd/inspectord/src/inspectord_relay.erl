%% Asks the relay. The question goes from the process that asks to the socket and to no other process.
-module(inspectord_relay).

-export([ask/3, still/4]).

%% Between two tries to reach a relay that is absent or restarting.
-define(RETRY_MS, 100).

-type login_answer() :: yes | no | unknown.
-type answer() :: login_answer() | {still, binary()}.
-export_type([login_answer/0, answer/0]).

%% Returns the relay's answer, or `unknown` if it does not come within this time, or `moved` if a reload has taken this
%% socket out of the configuration. Throws nothing.
-spec ask(inspectord_sup:path(), iodata(), WithinMs :: non_neg_integer()) -> login_answer() | moved.
ask(Path, Question, WithinMs) ->
    case ask_over({login, Path}, Question, WithinMs) of
        {still, _} -> unknown;
        Answer -> Answer
    end.

%% Returns for each login, in their order, whether its session still lives. Throws nothing.
-spec still(inspectord_sup:path(), Host :: binary(), [inspectord_logins:login()], WithinMs :: non_neg_integer()) ->
    [inspectord_still:answer()].
still(Path, Host, Logins, WithinMs) ->
    Answer = ask_over({watch, Path}, inspectord_still:question(Host, Logins), WithinMs),
    inspectord_still:answers(Answer, length(Logins)).

ask_over(Connection, Question, WithinMs) ->
    %% What was thrown could hold the question in its stack trace, and end in a crash report.
    try join(Connection, Question, erlang:monotonic_time(millisecond) + WithinMs)
    catch _:_ -> unknown
    end.

join(Connection, Question, UntilMs) ->
    wait(inspectord_connection:join(Connection, UntilMs), Connection, Question, UntilMs).

wait(Ref, Connection, Question, UntilMs) ->
    receive
        {Ref, {send, Socket, Number}} ->
            %% Where it fails, the connection is lost: another one follows.
            _ = gen_tcp:send(Socket, [<<Number:32>>, Question]),
            wait(Ref, Connection, Question, UntilMs);
        {Ref, {answer, Answer}} ->
            leave(Ref),
            Answer;
        {Ref, alone} ->
            leave(Ref),
            ask_alone(Connection, Question, UntilMs);
        {'DOWN', Ref, process, _, _} ->
            leave(Ref),
            %% The supervisor restarts it. Where that has gone, too, it is started here, at the next try if not at this.
            case try inspectord_sup:connect_again(Connection) catch _:_ -> ok end of
                ok -> retry(fun join/3, Connection, Question, UntilMs);
                unwanted -> moved
            end
    after left(UntilMs) ->
        leave(Ref),
        unknown
    end.

%% Nothing of this reference arrives later, in the mailbox of a process that is not ours.
leave(Ref) ->
    erlang:unalias(Ref),
    erlang:demonitor(Ref, [flush]),
    flush(Ref).

flush(Ref) ->
    receive {Ref, _} -> flush(Ref)
    after 0 -> ok
    end.

%% A connection for this question alone: no answer that is late or cut off can be taken for another's.
ask_alone({login, Path} = Connection, Question, UntilMs) ->
    case exchange(Path, Question, left(UntilMs)) of
        {ok, Frame} -> answer_of(Frame);
        {error, timeout} -> unknown;
        {error, _} -> retry(fun ask_alone/3, Connection, Question, UntilMs)
    end;
%% Such a relay does not know the watch's question.
ask_alone({watch, _Path}, _Question, _UntilMs) -> unknown.

exchange(Path, Question, WithinMs) ->
    Options = [binary, {packet, 2}, {active, false}, {send_timeout, WithinMs}],
    case gen_tcp:connect({local, Path}, 0, Options, WithinMs) of
        {ok, Socket} ->
            try gen_tcp:send(Socket, Question) of
                ok -> gen_tcp:recv(Socket, 0, WithinMs);
                Error -> Error
            after gen_tcp:close(Socket)
            end;
        Error -> Error
    end.

%% An answer without a number, as extauth gets it.
answer_of(<<0, 1>>) -> yes;
answer_of(<<0, 0>>) -> no;
answer_of(_) -> unknown.

retry(Ask, Connection, Question, UntilMs) ->
    timer:sleep(min(?RETRY_MS, left(UntilMs))),
    case left(UntilMs) of
        0 -> unknown;
        _ -> Ask(Connection, Question, UntilMs)
    end.

left(UntilMs) -> max(0, UntilMs - erlang:monotonic_time(millisecond)).
