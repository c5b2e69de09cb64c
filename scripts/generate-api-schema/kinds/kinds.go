// Package kinds lists the groups and versions of the API that the table holds.
package kinds

import (
	admissionregistration "k8s.io/api/admissionregistration/v1"
	apps "k8s.io/api/apps/v1"
	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	autoscaling1 "k8s.io/api/autoscaling/v1"
	autoscaling2 "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	certificates "k8s.io/api/certificates/v1"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	events "k8s.io/api/events/v1"
	flowcontrol "k8s.io/api/flowcontrol/v1"
	networking "k8s.io/api/networking/v1"
	node "k8s.io/api/node/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	scheduling "k8s.io/api/scheduling/v1"
	storage "k8s.io/api/storage/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// Groups with the function that registers their types.
var Groups = []struct {
	GV  schema.GroupVersion
	Add func(*runtime.Scheme) error
}{
	{core.SchemeGroupVersion, core.AddToScheme},
	{apps.SchemeGroupVersion, apps.AddToScheme},
	{batch.SchemeGroupVersion, batch.AddToScheme},
	{autoscaling1.SchemeGroupVersion, autoscaling1.AddToScheme},
	{autoscaling2.SchemeGroupVersion, autoscaling2.AddToScheme},
	{policy.SchemeGroupVersion, policy.AddToScheme},
	{rbac.SchemeGroupVersion, rbac.AddToScheme},
	{coordination.SchemeGroupVersion, coordination.AddToScheme},
	{discovery.SchemeGroupVersion, discovery.AddToScheme},
	{networking.SchemeGroupVersion, networking.AddToScheme},
	{node.SchemeGroupVersion, node.AddToScheme},
	{storage.SchemeGroupVersion, storage.AddToScheme},
	{scheduling.SchemeGroupVersion, scheduling.AddToScheme},
	{events.SchemeGroupVersion, events.AddToScheme},
	{flowcontrol.SchemeGroupVersion, flowcontrol.AddToScheme},
	{certificates.SchemeGroupVersion, certificates.AddToScheme},
	{authentication.SchemeGroupVersion, authentication.AddToScheme},
	{authorization.SchemeGroupVersion, authorization.AddToScheme},
	{admissionregistration.SchemeGroupVersion, admissionregistration.AddToScheme},
	{apiextensions.SchemeGroupVersion, apiextensions.AddToScheme},
	{apiregistration.SchemeGroupVersion, apiregistration.AddToScheme},
}
