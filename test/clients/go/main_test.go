// Package clients drives a running API server with Kubernetes' own Go clients, as controllers and
// tools that other people wrote do. KUBECONFIG names the server; RESTART, when set, is a shell
// command that kills and restarts it. Nothing here knows that the server is Knit's.
package clients

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// patience bounds every wait: machines that run this are busy.
const patience = 60 * time.Second

func config(t testing.TB) *rest.Config {
	t.Helper()
	found, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatalf("KUBECONFIG: %v", err)
	}
	found.QPS, found.Burst = 500, 1000
	return found
}

// protobufConfig is what controllers set for built-in kinds.
func protobufConfig(t testing.TB) *rest.Config {
	found := rest.CopyConfig(config(t))
	found.ContentType = "application/vnd.kubernetes.protobuf"
	found.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	return found
}

func clientset(t testing.TB) kubernetes.Interface {
	t.Helper()
	set, err := kubernetes.NewForConfig(protobufConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// namespace makes one for the test and deletes it afterwards.
func namespace(t *testing.T) string {
	t.Helper()
	set := clientset(t)
	made, err := set.CoreV1().Namespaces().Create(context.Background(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "go-"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = set.CoreV1().Namespaces().Delete(context.Background(), made.Name, metav1.DeleteOptions{})
	})
	return made.Name
}

// within waits until check says true.
func within(t testing.TB, what string, check func() (bool, error)) {
	t.Helper()
	var last error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		done, err := check()
		if done && err == nil {
			return
		}
		last = err
	}
	t.Fatalf("%s: not within %s: %v", what, patience, last)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func contains(t testing.TB, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Fatalf("%q does not contain %q", text, part)
	}
}

func equal(t testing.TB, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}
