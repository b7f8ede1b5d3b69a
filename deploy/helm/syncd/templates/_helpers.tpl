{{- define "syncd.name" -}}
{{- .Values.fullnameOverride | default (ternary .Release.Name (printf "%s-%s" .Release.Name (.Values.nameOverride | default .Chart.Name)) (contains (.Values.nameOverride | default .Chart.Name) .Release.Name)) | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{- define "syncd.selector" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "syncd.labels" -}}
{{ include "syncd.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* "yes" if the state is shared, so that there is no file and there may be many. */ -}}
{{- define "syncd.shared" -}}
{{- if hasPrefix "postgres" (.Values.config.state | default "") }}yes{{ end -}}
{{- end }}

{{- /* What the chart knows, under what the values say. */ -}}
{{- define "syncd.config" -}}
{{- $name := include "syncd.name" . -}}
{{- $hosts := list $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) (printf "%s.%s.svc.cluster.local" $name .Release.Namespace) -}}
{{- $known := dict "intercom" (dict "token_file" "/run/secrets/syncd/intercom-token") "state" "sqlite:////var/lib/syncd/syncd.db" -}}
{{- if eq .Values.mode "service" -}}
{{- $_ := set $known "service" (dict "listen" "0.0.0.0:8321" "token_file" "/run/secrets/syncd/syncd-token" "hosts" (concat $hosts (dig "service" "hosts" list .Values.config))) -}}
{{- end -}}
{{- $_ := mustMergeOverwrite $known (omit .Values.config "service") -}}
{{- if eq .Values.mode "service" -}}
{{- $_ := mustMergeOverwrite $known (dict "service" (omit (.Values.config.service | default dict) "hosts")) -}}
{{- end -}}
{{- toYaml $known -}}
{{- end }}

{{- define "syncd.pod" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
serviceAccountName: {{ include "syncd.name" . }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: 20
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: config
    configMap: { name: {{ include "syncd.name" . }} }
  - name: secrets
    secret: { secretName: {{ .Values.secret.name }}, defaultMode: 0440 }
  - name: temporary
    emptyDir: { sizeLimit: 512Mi }
  - name: cache
    emptyDir: { sizeLimit: {{ .Values.cache.sizeLimit }} }
  - name: state
    {{- if include "syncd.shared" . }}
    emptyDir: { sizeLimit: 16Mi }
    {{- else }}
    persistentVolumeClaim: { claimName: {{ .Values.persistence.existingClaim | default (include "syncd.name" .) }} }
    {{- end }}
  {{- with .Values.extraVolumes }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}

{{- define "syncd.container" -}}
name: syncd
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- with .Values.secret.variables }}
env:
  {{- range $variable, $key := . }}
  - { name: {{ $variable }}_FILE, value: /run/secrets/syncd/{{ $key }} }
  {{- end }}
{{- end }}
resources: {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - { name: config, mountPath: /etc/syncd, readOnly: true }
  - { name: secrets, mountPath: /run/secrets/syncd, readOnly: true }
  - { name: temporary, mountPath: /tmp }
  - { name: cache, mountPath: /var/cache/syncd }
  - { name: state, mountPath: /var/lib/syncd }
  {{- with .Values.extraVolumeMounts }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}
