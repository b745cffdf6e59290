// Hosts written down, standard library only.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

const path = "1234567890123456.cn-shanghai.fc.aliyuncs.com/2023-03-30/functions/hello/invocations"

func main() {
	for _, scheme := range []string{"http", "https"} {
		answer, err := http.Post(scheme+"://"+path, "application/octet-stream", strings.NewReader("go by "+scheme))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		fmt.Println(string(body))
	}
}
