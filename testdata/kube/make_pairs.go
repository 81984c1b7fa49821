//go:build ignore

// Writes the pairs NAME.pb and NAME.json of this folder: objects of our own making, encoded by Kubernetes' own code
// as the API server stores them, and as it gives them. In an empty module:
//
//	go mod init pairs && go get k8s.io/api@v0.37.2 k8s.io/apiextensions-apiserver@v0.37.2 && go run make_pairs.go .
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"time"

	apps "k8s.io/api/apps/v1"
	certificates "k8s.io/api/certificates/v1"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	events "k8s.io/api/events/v1"
	networking "k8s.io/api/networking/v1"
	rbac "k8s.io/api/rbac/v1"
	rbacalpha "k8s.io/api/rbac/v1alpha1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var when = meta.NewTime(time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC))
var micro = meta.NewMicroTime(time.Date(2026, 11, 20, 8, 0, 0, 123456000, time.UTC))

func named(name string) meta.ObjectMeta {
	return meta.ObjectMeta{Name: name, Namespace: "default", UID: "0b9a", CreationTimestamp: when,
		ManagedFields: []meta.ManagedFieldsEntry{{Manager: "maker", Operation: meta.ManagedFieldsOperationUpdate, APIVersion: "v1", Time: &when,
			FieldsType: "FieldsV1", FieldsV1: &meta.FieldsV1{Raw: []byte(`{ "f:spec": {"f:a": {}} }`)}}}}
}

func p[T any](v T) *T { return &v }

func main() {
	objects := map[string]runtime.Object{
		"pod": &core.Pod{ObjectMeta: named("pod"), Spec: core.PodSpec{
			Volumes: []core.Volume{{Name: "tmp", VolumeSource: core.VolumeSource{EmptyDir: &core.EmptyDirVolumeSource{}}},
				{Name: "conf", VolumeSource: core.VolumeSource{ConfigMap: &core.ConfigMapVolumeSource{LocalObjectReference: core.LocalObjectReference{Name: "c"}, DefaultMode: p(int32(420))}}}},
			Containers: []core.Container{{Name: "c", Image: "i:1", Args: []string{"", "x"},
				Resources:     core.ResourceRequirements{Limits: core.ResourceList{"cpu": resource.MustParse("0.5"), "memory": resource.MustParse("1024Mi"), "x/y": resource.MustParse("1e3")}},
				LivenessProbe: &core.Probe{ProbeHandler: core.ProbeHandler{HTTPGet: &core.HTTPGetAction{Path: "/", Port: intstr.FromString("web")}}, PeriodSeconds: 5},
				Ports:         []core.ContainerPort{{ContainerPort: 80, Protocol: "TCP"}, {ContainerPort: 80, Protocol: "UDP"}}}},
			TerminationGracePeriodSeconds: p(int64(0))}},
		"deployment": &apps.Deployment{ObjectMeta: named("deployment"), Spec: apps.DeploymentSpec{Replicas: p(int32(0)), Selector: &meta.LabelSelector{MatchLabels: map[string]string{"a.b/c": "d"}},
			Strategy: apps.DeploymentStrategy{Type: "RollingUpdate", RollingUpdate: &apps.RollingUpdateDeployment{MaxSurge: p(intstr.FromInt32(1)), MaxUnavailable: p(intstr.FromString("25%"))}}},
			Status: apps.DeploymentStatus{Conditions: []apps.DeploymentCondition{{Type: "Available", Status: "True", LastUpdateTime: when}}}},
		"node": &core.Node{ObjectMeta: meta.ObjectMeta{Name: "n1"}, Status: core.NodeStatus{Capacity: core.ResourceList{"cpu": resource.MustParse("4")},
			Conditions: []core.NodeCondition{{Type: "Ready", Status: "True", LastHeartbeatTime: when, LastTransitionTime: when}}}},
		"lease":      &coordination.Lease{ObjectMeta: named("lease"), Spec: coordination.LeaseSpec{HolderIdentity: p("n1"), LeaseDurationSeconds: p(int32(40)), RenewTime: &micro}},
		"event":      &core.Event{ObjectMeta: named("event"), InvolvedObject: core.ObjectReference{Kind: "Pod", Name: "pod"}, Reason: "Why", FirstTimestamp: when, LastTimestamp: when, Count: 3},
		"event-new":  &events.Event{ObjectMeta: named("event-new"), EventTime: micro, Series: &events.EventSeries{Count: 2, LastObservedTime: micro}, ReportingController: "c"},
		"secret":     &core.Secret{ObjectMeta: named("secret"), Data: map[string][]byte{"password": []byte("hunter2\x00\xff"), "empty": {}}, Type: "Opaque"},
		"configmap":  &core.ConfigMap{ObjectMeta: named("configmap"), Data: map[string]string{"text": "two\nlines", "": "<&>\u2028 \""}, BinaryData: map[string][]byte{"b": {0, 255}}, Immutable: p(false)},
		"role":       &rbac.Role{ObjectMeta: named("role"), Rules: []rbac.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}}}},
		"role-alpha": &rbacalpha.Role{ObjectMeta: named("role-alpha"), Rules: []rbacalpha.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{"apps"}, Resources: []string{"pods"}}}},
		"role-empty": &rbac.Role{ObjectMeta: named("role-empty")},
		"csr": &certificates.CertificateSigningRequest{ObjectMeta: meta.ObjectMeta{Name: "csr"}, Spec: certificates.CertificateSigningRequestSpec{
			Request: []byte("pem"), SignerName: "s", Extra: map[string]certificates.ExtraValue{"k": {"a", "b"}}}},
		"ingress":  &networking.Ingress{ObjectMeta: named("ingress"), Spec: networking.IngressSpec{Rules: []networking.IngressRule{{Host: "h", IngressRuleValue: networking.IngressRuleValue{HTTP: &networking.HTTPIngressRuleValue{Paths: []networking.HTTPIngressPath{{Path: "/", PathType: p(networking.PathTypePrefix), Backend: networking.IngressBackend{Service: &networking.IngressServiceBackend{Name: "s", Port: networking.ServiceBackendPort{Number: 80}}}}}}}}}}},
		"revision": &apps.ControllerRevision{ObjectMeta: named("revision"), Data: runtime.RawExtension{Raw: []byte(`{"spec": {"a": [1, 2.5, null]}}`)}, Revision: 1 << 53},
		"crd": &apiextensions.CustomResourceDefinition{ObjectMeta: meta.ObjectMeta{Name: "crds.example.com"}, Spec: apiextensions.CustomResourceDefinitionSpec{Group: "example.com", Scope: "Namespaced",
			Names: apiextensions.CustomResourceDefinitionNames{Plural: "crds", Kind: "Crd"},
			Versions: []apiextensions.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Storage: true, Schema: &apiextensions.CustomResourceValidation{OpenAPIV3Schema: &apiextensions.JSONSchemaProps{Type: "object",
				Properties: map[string]apiextensions.JSONSchemaProps{"list": {Type: "array", Items: &apiextensions.JSONSchemaPropsOrArray{Schema: &apiextensions.JSONSchemaProps{Type: "string", Default: &apiextensions.JSON{Raw: []byte(`"x"`)}, Maximum: p(1.5)}}},
					"map": {Type: "object", AdditionalProperties: &apiextensions.JSONSchemaPropsOrBool{Allows: true, Schema: &apiextensions.JSONSchemaProps{Type: "integer"}}},
					"any": {AdditionalProperties: &apiextensions.JSONSchemaPropsOrBool{Allows: true}, XPreserveUnknownFields: p(true)}}}}}}}},
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{core.AddToScheme, apps.AddToScheme, coordination.AddToScheme, events.AddToScheme, rbac.AddToScheme, rbacalpha.AddToScheme, certificates.AddToScheme, networking.AddToScheme, apiextensions.AddToScheme} {
		if err := add(scheme); err != nil {
			log.Fatal(err)
		}
	}
	serializer := protobuf.NewSerializer(scheme, scheme)
	for name, object := range objects {
		kinds, _, err := scheme.ObjectKinds(object)
		if err != nil {
			log.Fatal(err)
		}
		object.GetObjectKind().SetGroupVersionKind(kinds[0])
		var pb bytes.Buffer
		if err := serializer.Encode(object, &pb); err != nil {
			log.Fatal(err)
		}
		text, err := json.MarshalIndent(object, "", " ")
		if err != nil {
			log.Fatal(err)
		}
		os.WriteFile(filepath.Join(os.Args[1], name+".pb"), pb.Bytes(), 0o644)
		os.WriteFile(filepath.Join(os.Args[1], name+".json"), append(text, '\n'), 0o644)
	}
}
