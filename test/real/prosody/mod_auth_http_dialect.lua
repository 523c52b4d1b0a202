-- Asks what the community's mod_auth_http asks, which Debian does not package, and gives HTTP Basic with it: for tests
-- of the relay's side with a real Prosody.

local http = require "net.http";
local sasl = require "util.sasl";
local waiter = require "util.async".waiter;
local base64 = require "util.encodings".base64.encode;

local url = module:get_option_string("http_auth_url");
local headers = { Authorization = "Basic " .. base64(module:get_option_string("http_auth_secret")) };

local function ask(question, values)
	local wait, done = waiter();
	local answer = false;
	values.server = module.host;
	http.request(url .. question .. "?" .. http.formencode(values), { headers = headers }, function (body, code)
		answer = code == 200 and body == "true";
		done();
	end);
	wait();
	return answer;
end

local provider = {};

function provider.test_password(user, password)
	return ask("/check_password", { user = user, pass = password });
end

function provider.user_exists(user)
	return ask("/user_exists", { user = user });
end

-- SCRAM would need the password itself, which the site does not have.
function provider.get_sasl_handler()
	return sasl.new(module.host, {
		plain_test = function (_, user, password)
			return provider.test_password(user, password), true;
		end;
	});
end

module:provides("auth", provider);
