%% Asks the relay. The question goes from the process that asks to the socket and to no other process.
-module(inspectord_relay).

-export([ask/3]).

%% Between two tries to reach a relay that is absent or restarting.
-define(RETRY_MS, 100).

-type answer() :: yes | no | unknown.
-export_type([answer/0]).

%% Returns the relay's answer, or `unknown` if it does not come within this time. Throws nothing.
-spec ask(inspectord_sup:path(), iodata(), WithinMs :: non_neg_integer()) -> answer().
ask(Path, Question, WithinMs) ->
    %% What was thrown could hold the question in its stack trace, and end in a crash report.
    try join(Path, Question, erlang:monotonic_time(millisecond) + WithinMs)
    catch _:_ -> unknown
    end.

join(Path, Question, UntilMs) -> wait(inspectord_connection:join(Path, UntilMs), Path, Question, UntilMs).

wait(Ref, Path, Question, UntilMs) ->
    receive
        {Ref, {send, Socket, Number}} ->
            %% Where it fails, the connection is lost: another one follows.
            _ = gen_tcp:send(Socket, [<<Number:32>>, Question]),
            wait(Ref, Path, Question, UntilMs);
        {Ref, {answer, Answer}} ->
            leave(Ref),
            Answer;
        {Ref, alone} ->
            leave(Ref),
            ask_alone(Path, Question, UntilMs);
        {'DOWN', Ref, process, _, _} ->
            leave(Ref),
            %% The supervisor restarts it. Where that has gone, too, it is started here, at the next try if not at this.
            try inspectord_sup:connect(Path) catch _:_ -> ok end,
            retry(fun join/3, Path, Question, UntilMs)
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
ask_alone(Path, Question, UntilMs) ->
    case exchange(Path, Question, left(UntilMs)) of
        {ok, Frame} -> answer_of(Frame);
        {error, timeout} -> unknown;
        {error, _} -> retry(fun ask_alone/3, Path, Question, UntilMs)
    end.

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

retry(Ask, Path, Question, UntilMs) ->
    timer:sleep(min(?RETRY_MS, left(UntilMs))),
    case left(UntilMs) of
        0 -> unknown;
        _ -> Ask(Path, Question, UntilMs)
    end.

left(UntilMs) -> max(0, UntilMs - erlang:monotonic_time(millisecond)).
