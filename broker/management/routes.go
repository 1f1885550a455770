package management

import "net/http"

// A method is one method of a route.
type method struct {
	name string
	endpoint
}

func get(g gate, handle func(*request) error) method {
	return method{http.MethodGet, endpoint{g, handle}}
}

func put(g gate, handle func(*request) error) method {
	return method{http.MethodPut, endpoint{g, handle}}
}

func post(g gate, handle func(*request) error) method {
	return method{http.MethodPost, endpoint{g, handle}}
}

func remove(g gate, handle func(*request) error) method {
	return method{http.MethodDelete, endpoint{g, handle}}
}

// route adds a route. HEAD is there wherever GET is, save for the few routes that are
// marked by only.
func (s *Server) route(pattern string, methods ...method) {
	table := make(map[string]*endpoint)
	for _, m := range methods {
		table[m.name] = &m.endpoint
		if m.name == http.MethodGet {
			table[http.MethodHead] = &m.endpoint
		}
	}
	s.routes.add(pattern, table)
}

// routeWithoutHead adds a route that RabbitMQ does not answer HEAD on.
func (s *Server) routeWithoutHead(pattern string, methods ...method) {
	table := make(map[string]*endpoint)
	for _, m := range methods {
		table[m.name] = &m.endpoint
	}
	s.routes.add(pattern, table)
}

func (s *Server) addRoutes() {
	s.addNodeRoutes()
	s.addClientRoutes()
	s.addTopologyRoutes()
	s.addAdminRoutes()
	s.addHealthRoutes()
	s.addQuorumRoutes()
	s.addShovelRoutes()
	s.addExtensionRoutes()
	if !s.before4() {
		s.addNewerRoutes()
	}
}

func (s *Server) addNodeRoutes() {
	s.route("/overview", get(anyUser, (*request).overview))
	s.route("/nodes", get(monitors, (*request).listNodes))
	s.route("/nodes/{node}", get(monitors, (*request).getNode))
	s.route("/nodes/{node}/memory", get(monitors, (*request).getMemory))
	s.route("/nodes/{node}/memory/relative", get(monitors, (*request).getMemoryRelative))
	s.route("/cluster-name", get(anyUser, (*request).clusterName), put(anyUser, (*request).putClusterName))
	s.route("/extensions", get(anyUser, (*request).extensions))
	s.route("/feature-flags", get(anyUser, (*request).listFeatures))
	s.route("/feature-flags/{name}/enable", put(administrators, (*request).enableFeature))
	s.route("/deprecated-features", get(anyUser, (*request).listDeprecated))
	s.route("/deprecated-features/used", get(anyUser, (*request).empty))
	s.route("/whoami", get(anyUser, (*request).whoAmI))
	s.route("/auth", get(nil, (*request).auth))
	s.route("/login", post(nil, (*request).logInByForm))
	s.route("/auth/attempts/{node}", get(monitors, (*request).listAttempts), remove(monitors, (*request).resetAttempts))
	s.route("/auth/attempts/{node}/source",
		get(monitors, (*request).listAttemptsBySource), remove(monitors, (*request).resetAttempts))
	s.route("/config/effective", get(administrators, (*request).configuration))
	s.route("/reset", remove(administrators, (*request).reset))
	s.route("/reset/{node}", remove(administrators, (*request).reset))
	s.route("/rebalance/queues", post(administrators, (*request).nothing))
}

func (s *Server) addClientRoutes() {
	s.route("/connections", get(anyUser, (*request).listConnections))
	s.route("/connections/{connection}",
		get(anyUser, (*request).getConnection), remove(anyUser, (*request).closeConnection))
	s.route("/connections/username/{username}",
		get(anyUser, (*request).listConnectionsOfUser), remove(anyUser, (*request).closeConnectionsOfUser))
	s.route("/connections/{connection}/channels", get(anyUser, (*request).listChannelsOfConnection))
	s.route("/channels", get(anyUser, (*request).listChannels))
	s.route("/channels/{channel}", get(anyUser, (*request).getChannel))
	s.route("/consumers", get(anyUser, (*request).listConsumers))
	s.route("/consumers/{vhost}", get(anyUser, (*request).listConsumers))
	s.route("/vhosts/{vhost}/connections", get(vhostUsers, (*request).listConnections))
	s.route("/vhosts/{vhost}/channels", get(vhostUsers, (*request).listChannels))
}

func (s *Server) addTopologyRoutes() {
	s.route("/vhosts", get(anyUser, (*request).listVHosts))
	s.route("/vhosts/{vhost}", get(administrators, (*request).getVHost), put(administrators, (*request).putVHost),
		remove(administrators, (*request).deleteVHost))
	s.route("/vhosts/{vhost}/start/{node}", post(administrators, (*request).startVHost))
	s.route("/exchanges", get(vhostUsers, (*request).listExchanges))
	s.route("/exchanges/{vhost}", get(vhostUsers, (*request).listExchanges))
	s.route("/exchanges/{vhost}/{exchange}", get(vhostUsers, (*request).getExchange),
		put(vhostUsers, (*request).putExchange), remove(vhostUsers, (*request).deleteExchange))
	s.route("/exchanges/{vhost}/{exchange}/publish", post(vhostUsers, (*request).publish))
	s.route("/exchanges/{vhost}/{exchange}/bindings/source", get(vhostUsers, (*request).listBindingsFrom))
	s.route("/exchanges/{vhost}/{exchange}/bindings/destination", get(vhostUsers, (*request).listBindingsToExchange))
	s.route("/queues", get(vhostUsers, (*request).listQueues))
	s.route("/queues/detailed", get(vhostUsers, (*request).listQueuesDetailed))
	s.route("/queues/{vhost}", get(vhostUsers, (*request).listQueues))
	s.route("/queues/{vhost}/{queue}", get(vhostUsers, (*request).getQueue),
		put(vhostUsers, (*request).putQueue), remove(vhostUsers, (*request).deleteQueue))
	s.route("/queues/{vhost}/{queue}/bindings", get(vhostUsers, (*request).listBindingsToQueue))
	s.route("/queues/{vhost}/{queue}/contents", remove(vhostUsers, (*request).purgeQueue))
	s.route("/queues/{vhost}/{queue}/get", post(vhostUsers, (*request).get))
	s.route("/queues/{vhost}/{queue}/actions", post(administrators, (*request).actOnQueue))
	s.route("/bindings", get(vhostUsers, (*request).listBindings))
	s.route("/bindings/{vhost}", get(vhostUsers, (*request).listBindings))
	s.route("/bindings/{vhost}/e/{source}/{kind}/{destination}",
		get(vhostUsers, (*request).listBindingsBetween), post(vhostUsers, (*request).createBinding))
	s.route("/bindings/{vhost}/e/{source}/{kind}/{destination}/{properties}",
		get(vhostUsers, (*request).getBinding), remove(vhostUsers, (*request).deleteBinding))
}

func (s *Server) addAdminRoutes() {
	s.route("/users", get(administrators, (*request).listUsers))
	s.route("/users/without-permissions", get(administrators, (*request).listUsersWithoutPermissions))
	s.route("/users/bulk-delete", post(administrators, (*request).deleteUsers))
	s.route("/users/{user}", get(administrators, (*request).getUser), put(administrators, (*request).putUser),
		remove(administrators, (*request).deleteUser))
	s.routeWithoutHead("/auth/hash_password/{password}", get(administrators, (*request).hashPassword))
	for _, pattern := range []string{"/permissions", "/users/{user}/permissions", "/vhosts/{vhost}/permissions"} {
		s.route(pattern, get(administrators, (*request).listPermissions))
	}
	s.route("/permissions/{vhost}/{user}", get(administrators, (*request).getPermission),
		put(administrators, (*request).putPermission), remove(administrators, (*request).deletePermission))
	for _, pattern := range []string{
		"/topic-permissions", "/users/{user}/topic-permissions", "/vhosts/{vhost}/topic-permissions",
	} {
		s.route(pattern, get(administrators, (*request).listTopicPermissions))
	}
	for _, pattern := range []string{"/topic-permissions/{vhost}/{user}", "/topic-permissions/{vhost}/{user}/{exchange}"} {
		s.route(pattern, get(administrators, (*request).getTopicPermission),
			put(administrators, (*request).putTopicPermission), remove(administrators, (*request).deleteTopicPermission))
	}
	s.routeWithoutHead("/user-limits", get(anyUser, (*request).listUserLimits))
	s.routeWithoutHead("/user-limits/{user}", get(anyUser, (*request).listUserLimits))
	s.route("/user-limits/{user}/{name}",
		put(administrators, (*request).putUserLimit), remove(administrators, (*request).deleteUserLimit))
	s.routeWithoutHead("/vhost-limits", get(vhostViewers, (*request).listVHostLimits))
	s.routeWithoutHead("/vhost-limits/{vhost}", get(vhostViewers, (*request).listVHostLimits))
	s.route("/vhost-limits/{vhost}/{name}",
		put(administrators, (*request).putVHostLimit), remove(administrators, (*request).deleteVHostLimit))
	for _, pattern := range []string{"/definitions", "/all-configuration", "/definitions/{vhost}"} {
		s.route(pattern, get(administrators, (*request).exportDefinitions), post(administrators, (*request).importDefinitions))
	}
	s.addPolicyRoutes()
}

func (s *Server) addPolicyRoutes() {
	s.route("/policies", get(vhostUsers, (*request).listPolicies))
	s.route("/policies/{vhost}", get(vhostUsers, (*request).listPolicies))
	s.route("/policies/{vhost}/{name}", get(policymakers, userPolicies.get), put(policymakers, userPolicies.put),
		remove(policymakers, userPolicies.delete))
	s.route("/operator-policies", get(vhostUsers, (*request).listOperatorPolicies))
	s.route("/operator-policies/{vhost}", get(vhostUsers, (*request).listOperatorPolicies))
	s.route("/operator-policies/{vhost}/{name}", get(operatorPolicyRoute, operators.get),
		put(operatorPolicyRoute, operators.put), remove(operatorPolicyRoute, operators.delete))
	s.route("/parameters", get(policymakers, (*request).listParameters))
	s.route("/parameters/{component}", get(policymakers, (*request).listParameters))
	s.route("/parameters/{component}/{vhost}", get(policymakers, (*request).listParameters))
	s.route("/parameters/{component}/{vhost}/{name}", get(policymakers, (*request).getParameter),
		put(policymakers, (*request).putParameter), remove(policymakers, (*request).deleteParameter))
	s.route("/global-parameters", get(globalPolicymakers, (*request).listGlobalParameters))
	s.route("/global-parameters/{name}", get(globalPolicymakers, (*request).getGlobalParameter),
		put(globalPolicymakers, (*request).putGlobalParameter), remove(globalPolicymakers, (*request).deleteGlobalParameter))
}

func (s *Server) addHealthRoutes() {
	s.route("/aliveness-test/{vhost}", get(vhostUsers, (*request).testAliveness))
	s.route("/healthchecks/node", get(anyUser, (*request).checkNode))
	s.route("/healthchecks/node/{node}", get(anyUser, (*request).checkNode))
	const checks = "/health/checks/"
	s.route(checks+"alarms", get(anyUser, (*request).checkAlarms))
	s.route(checks+"local-alarms", get(anyUser, (*request).checkLocalAlarms))
	s.route(checks+"certificate-expiration/{within}/{unit}", get(anyUser, (*request).checkCertificates))
	s.route(checks+"port-listener/{port}", get(anyUser, (*request).checkPort))
	s.route(checks+"protocol-listener/{protocol}", get(anyUser, (*request).checkProtocol))
	s.route(checks+"virtual-hosts", get(anyUser, (*request).healthy))
	s.route(checks+"node-is-quorum-critical", get(anyUser, (*request).soleNode))
	if s.before4() {
		s.route(checks+"node-is-mirror-sync-critical", get(anyUser, (*request).soleNode))
	}
}

func (s *Server) addQuorumRoutes() {
	s.routeWithoutHead("/queues/quorum/{vhost}/{queue}/status", get(anyUser, (*request).quorumStatus))
	s.route("/queues/quorum/{vhost}/{queue}/replicas/add", post(administrators, (*request).addReplica))
	s.route("/queues/quorum/{vhost}/{queue}/replicas/delete", remove(administrators, (*request).deleteReplica))
	s.route("/queues/quorum/replicas/on/{node}/grow", post(administrators, (*request).growReplicas))
	s.route("/queues/quorum/replicas/on/{node}/shrink", remove(administrators, (*request).growReplicas))
	for _, pattern := range []string{
		"/stream/connections", "/stream/connections/{vhost}", "/stream/publishers", "/stream/publishers/{vhost}",
		"/stream/publishers/{vhost}/{queue}", "/stream/consumers", "/stream/consumers/{vhost}",
	} {
		s.route(pattern, get(anyUser, (*request).empty))
	}
	s.route("/stream/{vhost}/{queue}/tracking", get(anyUser, (*request).tracking))
}

// addNewerRoutes adds what came with 4.x.
func (s *Server) addNewerRoutes() {
	const checks = "/health/checks/"
	s.route("/version", get(nil, (*request).version))
	s.route("/vhosts/{vhost}/deletion/protection",
		post(administrators, (*request).protectVHost), remove(administrators, (*request).unprotectVHost))
	s.route("/connections/{connection}/sessions", get(anyUser, (*request).listSessions))
	// Probes ask these without a login.
	for _, name := range []string{"below-node-connection-limit", "reached-target-cluster-size"} {
		s.route(checks+name, get(nil, (*request).healthy))
	}
	for _, name := range []string{
		"metadata-store/initialized", "metadata-store/initialized/with-data", "quorum-queues-without-elected-leaders/all-vhosts",
		"quorum-queues-without-elected-leaders/all-vhosts/pattern/{pattern}",
		"quorum-queues-without-elected-leaders/vhost/{vhost}",
		"quorum-queues-without-elected-leaders/vhost/{vhost}/pattern/{pattern}",
	} {
		s.route(checks+name, get(anyUser, (*request).healthy))
	}
	s.route(checks+"is-in-service", get(nil, (*request).checkService))
	s.route(checks+"ready-to-serve-clients", get(nil, (*request).checkService))
}

// listSessions are those of a connection of AMQP 1.0, which there is none of.
func (q *request) listSessions() error {
	if _, err := q.connection(); err != nil {
		return err
	}
	return badRequest("connection does not use AMQP 1.0")
}
