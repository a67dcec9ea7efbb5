BeforeAll {
    . $PSScriptRoot/Setup.ps1
    $run = @{ Epochs = 3; BatchSize = 12; OutputDirectory = 'TestDrive:/whole' }
    $data | Start-ModelTraining (New-ResNet20 -Seed 5) @run
}

Describe 'Start-ModelTraining' {
    It 'reports each epoch as it ends' {
        $model = New-ResNet20
        $data | Start-ModelTraining $model @quick | ForEach-Object { "$($_.Epoch) of $($model.TrainedEpochs)" } |
            Should -Be '1 of 1', '2 of 2'
    }

    It 'gives reports that pipelines can keep and compare' {
        $reports = $data | Start-ModelTraining (New-ResNet20) @quick
        $reports | Export-Csv TestDrive:/reports.csv
        (Import-Csv TestDrive:/reports.csv).Epoch | Should -Be '1', '2'
        $reports | Sort-Object ValidationAccuracy -Descending | Select-Object -First 1 | Should -BeOfType ([Cifar10Ps.EpochReport])
        $reports.Loss | ForEach-Object { $_ | Should -BeGreaterThan 0 }
        $reports.ValidationAccuracy + $reports.Accuracy | ForEach-Object { $_ | Should -BeIn (0..64 | ForEach-Object { $_ / 64 }) }
    }

    It 'shows progress of epochs and batches and completes it' {
        $job = Start-ThreadJob { Import-Module $using:modulePath; $using:data | Start-ModelTraining (New-ResNet20) -Epochs 2 -BatchSize 8 }
        $null = Wait-Job $job
        $progress = $job.ChildJobs + $job | ForEach-Object Progress
        $progress | ForEach-Object { $_.PercentComplete | Should -BeIn (0..100) }
        ($progress | Where-Object ActivityId -eq 2).ParentActivityId | Sort-Object -Unique | Should -Be 1
        $progress[-2, -1].RecordType | Should -Be 'Completed', 'Completed'
        $progress[-2, -1].ActivityId | Should -Be 2, 1
        Remove-Job $job
    }

    It 'fills the output directory' {
        (Get-ChildItem TestDrive:/whole).Name | Sort-Object | Should -Be @(
            'checkpoint-best.safetensors', 'checkpoint-epoch-0001.safetensors', 'checkpoint-epoch-0002.safetensors',
            'checkpoint-epoch-0003.safetensors', 'checkpoint-latest.safetensors', 'log', 'model.safetensors', 'run.jsonl')
        $log = Get-Content TestDrive:/whole/log -Raw | ConvertFrom-Json
        $log.epoch | Should -Be 1, 2, 3
        $log[2].'validation/main/accuracy' | Should -BeIn (0..32 | ForEach-Object { $_ / 32 })
    }

    It 'tells TensorBoard of each epoch' {
        $data | Start-ModelTraining (New-ResNet20) @quick -OutputDirectory TestDrive:/tensorboard -TensorBoard | Should -HaveCount 2
        $events = Get-ChildItem TestDrive:/tensorboard/events.out.tfevents.*
        $text = [Text.Encoding]::ASCII.GetString([IO.File]::ReadAllBytes($events.FullName))
        foreach ($tag in 'loss/train', 'accuracy/validation', 'learning_rate', 'predictions', 'confusion_matrix') {
            ($text -split [regex]::Escape($tag)).Count | Should -Be 3
        }
    }

    It 'does nothing with -WhatIf' {
        $model = New-ResNet20
        $data | Start-ModelTraining $model -OutputDirectory TestDrive:/whatif -WhatIf | Should -BeNullOrEmpty
        $model.TrainedEpochs | Should -Be 0
        'TestDrive:/whatif' | Should -Not -Exist
    }

    It 'refuses <id>' -ForEach @(
        @{ script = { $data | Start-ModelTraining $model -Epochs 0 }; id = 'ParameterArgumentValidationError' }
        @{ script = { $data | Start-ModelTraining $model -TensorBoard }; id = 'OutputDirectoryMissing' }
        @{ script = { $data | Start-ModelTraining $model -Optimizer Magic }; id = 'CannotConvertArgumentNoMessage' }
        @{ script = { $data | Start-ModelTraining (New-ResNet20 3) }; id = 'ClassCountMismatch' }
        @{ script = { $data | Start-ModelTraining $model -OutputDirectory TestDrive:/whole }; id = 'OutputDirectoryInUse' }
        @{ script = { $data | Start-ModelTraining $model -OutputDirectory TestDrive:/whole/log/below }; id = 'FileNotWritable' }
        @{ script = { Start-ModelTraining -Dataset $data -ResumeFrom TestDrive:/ }; id = 'CheckpointNotFound' }
        @{ script = { Start-ModelTraining -Dataset $data -ResumeFrom TestDrive:/whole -BatchSize 64 }; id = 'CheckpointMismatch' }
    ) {
        Get-ErrorId $script | Should -Be $id
    }
}

Describe 'A run that was left' {
    BeforeEach { Remove-Item TestDrive:/part -Recurse -ErrorAction Ignore }

    It 'goes on to the same bits after <how>' -ForEach @(
        @{
            how = 'an error further down'
            leave = { try { $data | Start-ModelTraining (New-ResNet20 -Seed 5) @run | ForEach-Object { throw 'enough' } } catch { } }
        }
        @{ how = 'Stop-Job'; leave = {
                $folder = $run.OutputDirectory.Replace('TestDrive:', $TestDrive)
                $job = Start-ThreadJob {
                    Import-Module $using:modulePath
                    $using:data | Start-ModelTraining (New-ResNet20 -Seed 5) -Epochs 3 -BatchSize 12 -OutputDirectory $using:folder
                }
                while (!$job.Progress.Count) { Start-Sleep -Milliseconds 5 }
                Stop-Job $job
                Remove-Job $job
            }
        }
    ) {
        $run = $run + @{}
        $run.OutputDirectory = 'TestDrive:/part'
        $null = & $leave
        'TestDrive:/part/checkpoint-latest.safetensors' | Should -Exist
        'TestDrive:/part/model.safetensors' | Should -Not -Exist

        $reports = Start-ModelTraining -Dataset $data -ResumeFrom TestDrive:/part
        $reports[-1].Epoch | Should -Be 3
        Get-Bytes TestDrive:/part/model.safetensors | Should -Be (Get-Bytes TestDrive:/whole/model.safetensors)
    }

    It 'warns when it is complete' {
        $quiet = @{ WarningVariable = 'warnings'; WarningAction = 'SilentlyContinue' }
        Start-ModelTraining -Dataset $data -ResumeFrom TestDrive:/whole -OutputDirectory TestDrive:/part @quiet |
            Should -BeNullOrEmpty
        $warnings | Should -Match 'complete'
    }
}
