%% Asks by inspectord_relay without ejabberd, one process a question, as told on stdin:
%%   ask ID MILLISECONDS PATH BASE64      -> answer ID yes|no|unknown|moved MAILBOX-LENGTH
%%   inside PATH                          -> inside ... all that can be seen of the connection's process
%%   kill PATH | stop | connect PATH      -> done
%%   keep PATH                            -> done: a reload has left this socket alone in the configuration
-module(asker).
-export([start/0]).

start() ->
    {ok, _} = application:ensure_all_started(inspectord),
    io:format("ready~n"),
    loop().

loop() ->
    case io:get_line("") of
        eof -> halt();
        Line -> told(string:lexemes(Line, " \n")), loop()
    end.

told(["ask", Id, WithinMs, Path, Question]) ->
    spawn(fun() ->
              Answer = inspectord_relay:ask(Path, base64:decode(Question), list_to_integer(WithinMs)),
              %% What comes later would be in the mailbox of a process of ejabberd's.
              timer:sleep(20),
              {message_queue_len, Left} = process_info(self(), message_queue_len),
              io:format("answer ~s ~p ~p~n", [Id, Answer, Left])
          end);
told(["inside", Path]) ->
    Pid = connection(Path),
    Inside = [sys:get_status(Pid), process_info(Pid, [messages, dictionary, links, monitors, backtrace])],
    io:format("inside ~s~n", [base64:encode(iolist_to_binary(io_lib:format("~p", [Inside])))]);
told(["kill", Path]) ->
    exit(connection(Path), kill),
    io:format("done~n");
told(["stop"]) ->
    exit(whereis(inspectord_sup), kill),
    io:format("done~n");
told(["connect", Path]) ->
    inspectord_sup:connect({login, Path}),
    io:format("done~n");
told(["keep", Path]) ->
    inspectord_sup:keep(login, [Path]),
    io:format("done~n").

connection(Path) -> whereis(list_to_atom("inspectord:" ++ Path)).
