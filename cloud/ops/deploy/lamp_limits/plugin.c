/* Limits for lamps: a plugin of the cloud's Mosquitto, 2.0 or 2.1. `lampi-cloud install` compiles and installs it.
 *
 * Mosquitto's access rules say which topics a lamp may use, but not how often, how much, or with how many
 * subscriptions. With the rules alone, one lamp could fill the broker's memory, or keep the daemon too busy for other
 * lamps. The plugin is asked before the rules. It concerns only clients with a username, which are the lamps.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include "allowances.h"
#include "unread_answers.h"

static mosquitto_plugin_id_t *plugin;
static uint32_t payload_bytes = 512;
static int lamps_port = 8883;

/* The filters that match what the rules let a lamp read, below its own prefix. Other subscriptions could receive
 * nothing, and the broker would keep any number of them. */
static bool may_subscribe(const char *username, const char *filter)
{
	static const char *const allowed[] = {
		"lamp/associated", "lamp/set_config", "lamp/+", "lamp/#", "+/associated", "+/set_config", "+/+", "+/#", "#",
	};
	static const char prefix[] = "devices/";
	size_t length = strlen(username);

	if (strncmp(filter, prefix, sizeof prefix - 1)) {
		return false;
	}
	filter += sizeof prefix - 1;
	if (strncmp(filter, username, length) || filter[length] != '/') {
		return false;
	}
	filter += length + 1;
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
		if (!strcmp(filter, allowed[i])) {
			return true;
		}
	}
	return false;
}

static int on_acl_check(int event, void *data, void *unused)
{
	const struct mosquitto_evt_acl_check *check = data;
	const char *username = mosquitto_client_username(check->client);
	bool allowed = true;

	(void)event;
	(void)unused;
	if (username && check->access == MOSQ_ACL_WRITE) {
		allowed = check->payloadlen <= payload_bytes && may_publish(username);
	} else if (username && check->access == MOSQ_ACL_SUBSCRIBE) {
		allowed = may_subscribe(username, check->topic);
	}
	return allowed ? MOSQ_ERR_PLUGIN_DEFER : MOSQ_ERR_ACL_DENIED;
}

/* Drop messages with properties that the broker would keep, as MQTT 5 allows: lamps use none, and they can be as large as
 * max_packet_size, beside the payload. */
static int on_message(int event, void *data, void *unused)
{
	const struct mosquitto_evt_message *message = data;

	(void)event;
	(void)unused;
	return message->properties && mosquitto_client_username(message->client) ? MOSQ_ERR_ACL_DENIED : MOSQ_ERR_SUCCESS;
}

static int on_tick(int event, void *data, void *unused)
{
	(void)event;
	(void)data;
	(void)unused;
	close_unread(lamps_port);
	return MOSQ_ERR_SUCCESS;
}

static bool read_number(const char *text, double least, double *number)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= least && value <= 1e9)) {
		return false;
	}
	*number = value;
	return true;
}

int mosquitto_plugin_version(int count, const int *versions)
{
	for (int i = 0; i < count; i++) {
		if (versions[i] == 5) {
			return 5;
		}
	}
	return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **unused, struct mosquitto_opt *options, int count)
{
	double burst = 2000, rate = 50, bytes = payload_bytes, port = lamps_port;

	(void)unused;
	for (int i = 0; i < count; i++) {
		const char *key = options[i].key, *value = options[i].value;
		bool good = !strcmp(key, "burst") ? read_number(value, 1, &burst)
			: !strcmp(key, "rate") ? read_number(value, 0.01, &rate)
			: !strcmp(key, "payload_bytes") ? read_number(value, 1, &bytes)
			: !strcmp(key, "port") ? read_number(value, 1, &port)
			: false;
		if (!good) {
			mosquitto_log_printf(MOSQ_LOG_ERR, "plugin_opt_%s %s: not an option, or not a number in its range", key, value);
			return MOSQ_ERR_INVAL;
		}
	}
	payload_bytes = (uint32_t)bytes;
	lamps_port = (int)port;
	plugin = identifier;
	if (!begin_allowances(burst, rate)) {
		return MOSQ_ERR_NOMEM;
	}
	int fault = mosquitto_callback_register(plugin, MOSQ_EVT_ACL_CHECK, on_acl_check, NULL, NULL);
	if (!fault) {
		fault = mosquitto_callback_register(plugin, MOSQ_EVT_MESSAGE, on_message, NULL, NULL);
	}
	return fault ? fault : mosquitto_callback_register(plugin, MOSQ_EVT_TICK, on_tick, NULL, NULL);
}

int mosquitto_plugin_cleanup(void *unused, struct mosquitto_opt *options, int count)
{
	(void)unused;
	(void)options;
	(void)count;
	end_allowances();
	forget_unread();
	mosquitto_callback_unregister(plugin, MOSQ_EVT_TICK, on_tick, NULL);
	mosquitto_callback_unregister(plugin, MOSQ_EVT_MESSAGE, on_message, NULL);
	return mosquitto_callback_unregister(plugin, MOSQ_EVT_ACL_CHECK, on_acl_check, NULL);
}
